import type { Problem } from '../errors/app-error.ts';
import { problemSchema } from './problem.schema.ts';

/** What may be refused with one status: OpenAPI has room for one response a status, so its examples are the codes. */
export function problemResponse(problems: Problem[]) {
  return {
    description: problems.map(({ code, title }) => `\`${code}\`: ${title}`).join('  \n'),
    content: {
      'application/problem+json': {
        schema: { $ref: `#/components/schemas/${problemSchema.meta()?.id}` },
        examples: Object.fromEntries(
          problems.map(({ code, status, title }) => [code, { value: { code, status, title } }]),
        ),
      },
    },
  };
}
