import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

export interface Content {
  schema?: Record<string, unknown>;
  examples?: Record<string, unknown>;
  example?: unknown;
}

interface Header {
  $ref?: string;
  required?: boolean;
}

export interface Operation {
  operationId: string;
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  path: string;
  summary?: string;
  tags: string[];
  'x-required-permission'?: string;
  /** Empty if the operation needs no token. */
  security: object[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    schema: Record<string, unknown>;
    example?: unknown;
  }[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<
    string,
    { description: string; headers?: Record<string, Header>; content?: Record<string, Content> }
  >;
}

/** The document in the repository. Another test compares it with the served document. */
export const openapi = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, { post: { requestBody: { content: Record<string, Content> } } }>;
  components: { schemas: Record<string, Record<string, unknown>>; headers: Record<string, Header> };
};

export const operations: Operation[] = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    path,
    method: method as Operation['method'],
  })),
);

/** Checks an event against the document: all fields exist and match the schema. */
export function eventSchema(type: string): z.ZodType {
  const { schema } = openapi.webhooks[type]!.post.requestBody.content['application/json']!;
  const text = JSON.stringify({ ...schema, $defs: openapi.components.schemas });
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')));
}

/** The error codes that an operation documents, for one status or for all. */
export function codesOf(operation: Operation, status?: number): string[] {
  return Object.entries(operation.responses)
    .filter(([key]) => /^[45]/.test(key) && (status === undefined || key === String(status)))
    .flatMap(([, { content = {} }]) => {
      const type = hasOwnErrors(operation) ? 'application/json' : 'application/problem+json';
      return Object.keys(content[type]?.examples ?? {});
    });
}

const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';

/** The path of an operation, with one value for all parameters or a value for each. */
export const addressOf = (
  { path }: Operation,
  values: string | Record<string, string> = UNKNOWN_ID,
): string =>
  path
    .replace(/\{(provider|source)\}/, 'github')
    .replace(/\{(\w+)\}/g, (_, name: string) =>
      typeof values === 'string' ? values : (values[name] ?? UNKNOWN_ID),
    );

/** Whether the path of an operation has its own form of errors (ErrorFormsModule). */
export function hasOwnErrors({ responses }: Operation): boolean {
  const content = responses['500']?.content;
  return content !== undefined && !('application/problem+json' in content);
}

/** The schema of the errors of such an operation. */
export const ownErrorSchema = ({ responses }: Operation): object =>
  responses['500']?.content?.['application/json']?.schema ?? {};

/** The code of an error in another form: the code with the same example, or the only code of the status. */
export function codeOfOwnError(
  operation: Operation,
  { status, body }: { status: number; body: string },
): string | number {
  const codes = codesOf(operation, status);
  const { examples = {} } = operation.responses[status]?.content?.['application/json'] ?? {};
  const same = codes.find((code) =>
    isDeepStrictEqual((examples[code] as { value: unknown }).value, JSON.parse(body)),
  );
  return same ?? (codes.length === 1 ? codes[0]! : status);
}

/** Rows for it.each. */
export function where(isMeant: (operation: Operation) => boolean): [string, Operation][] {
  return operations.filter(isMeant).map((operation) => [operation.operationId, operation]);
}

export function successOf({ responses }: Operation) {
  const [success] = Object.entries(responses).filter(([status]) => /^[23]/.test(status));
  return { status: String(success?.[0]), ...success?.[1] };
}

export function hasBody(operation: Operation): boolean {
  return /^2(?!04)/.test(successOf(operation).status);
}

export function parameter({ parameters = [] }: Operation, wanted: string) {
  return parameters.find(({ name }) => name === wanted);
}
