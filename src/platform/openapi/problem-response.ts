import { z } from 'zod';
import { AppError, type Problem } from '../errors/app-error.ts';
import type { ErrorForm } from '../errors/error-forms.ts';

/** The body of every error (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.string().describe('A URL that documents the code.'),
    title: z.string().describe('Short, and always the same for one code.'),
    status: z.int(),
    code: z.string().describe('Stable: use it to tell errors apart.'),
    detail: z.string().describe('What is wrong in this case, and what to do next.'),
    instance: z.string().optional().describe('Path of the request.'),
    correlationId: z.string().optional().describe('Identifies this request in the logs.'),
    details: z
      .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .describe('One entry per invalid field, at most 50.'),
  })
  .meta({ id: 'Problem' });

/** The errors of one status. OpenAPI allows one response per status, so each code is an example. */
export function problemResponse(problems: Problem[]) {
  return {
    description: problems.map(({ code, title }) => `\`${code}\`: ${title}`).join('  \n'),
    content: {
      'application/problem+json': {
        schema: { $ref: `#/components/schemas/${problemSchema.meta()?.id}` },
        examples: Object.fromEntries(
          problems.map(({ code }) => [code, { $ref: `#/components/examples/${code}` }]),
        ),
      },
    },
  };
}

/** The errors of one status on a path with its own form of errors. The examples are bodies of that form. */
export function formResponse(form: ErrorForm, schema: object, problems: Problem[]) {
  const occurrence = { ...OCCURRENCE, locale: 'en' } as const;
  const examples = problems.map((problem) => [
    problem.code,
    { value: JSON.parse(form.body(new AppError(problem), occurrence)) as unknown },
  ]);
  return {
    description: problems.map(({ code, title }) => `\`${code}\`: ${title}`).join('  \n'),
    ...(problems.some(({ status }) => [429, 503].includes(status)) && {
      headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
    }),
    content: { [form.mediaType.split(';')[0]!]: { schema, examples: Object.fromEntries(examples) } },
  };
}

const OCCURRENCE = {
  publicUrl: 'https://api.example.com',
  url: '/',
  correlationId: '0199a3c1-5d2e-4a77-9b1f-3c8e6d2f4b10',
};

/** The example of one code, from its definition. Every operation that may return the code refers to it. */
export function problemExample({ code, status, title, detail }: Problem) {
  const type = `https://api.example.com/problems/${code}`;
  const isInvalid = code === 'VALIDATION_FAILED';
  return {
    summary: title,
    value: {
      type,
      title,
      status,
      code,
      detail,
      instance: '/v1/jobs',
      correlationId: '0199a3c1-5d2e-4a77-9b1f-3c8e6d2f4b10',
      ...(isInvalid && { details: [{ path: 'limit', code: 'TOO_BIG', message: 'Must be at most 100.' }] }),
    },
  };
}
