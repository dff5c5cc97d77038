import formats from 'ajv-formats';
import { type ValidateFunction, Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { appendFileSync } from 'node:fs';
import type supertest from 'supertest';
import { differencesOfGraphql } from './graphql-contract.ts';
import { codesOf, hasOwnErrors, openapi, type Operation, operations, ownErrorSchema } from './openapi.ts';

/** Any request may cause these errors, so no operation documents them. */
export const ANYWHERE = ['MALFORMED_REQUEST', 'METHOD_NOT_ALLOWED', 'URI_TOO_LONG'];
/** A body that the operation does not have may cause these errors. */
const OF_A_BODY = ['MALFORMED_JSON', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];
const PROBLEM = 'application/problem+json';

type Client = ReturnType<typeof supertest>;

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
const validators = new Map<string, ValidateFunction>();

/** By method and route, for example "GET /v1/jobs/:id". */
const byRoute = new Map(
  operations.map((operation) => [
    `${operation.method.toUpperCase()} ${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    operation,
  ]),
);

const countParameters = ({ operation }: { operation: Operation }): number => operation.path.split('{').length;

/** Paths without parameters first: they take precedence over `/v1/jobs/{id}`. */
const patterns = operations
  .map((operation) => ({
    operation,
    pattern: new RegExp(`^${operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))
  .toSorted((first, second) => countParameters(first) - countParameters(second));

interface Received {
  status: number;
  /** The media type. */
  type: string;
  /** Undefined for streams. */
  body: string | undefined;
}

/** Compares every response of an application with openapi.json or schema.graphql, and records which were seen. */
export class ContractRecorder {
  private readonly violations = new Set<string>();
  private readonly seen = new Set<string>();

  /** Call it before the application is ready. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onSend', (request, reply, payload, done) => {
      const operation = byRoute.get(`${request.method} ${request.routeOptions.url}`);
      if (operation) {
        const type = String(reply.getHeader('content-type') ?? '').split(';')[0]!;
        const body = typeof payload === 'string' ? payload : undefined;
        this.check(operation, request.url, { status: reply.statusCode, type, body });
        const missing = missingHeaders(operation.responses[reply.statusCode], reply);
        this.report(operation, reply.statusCode, request.url, missing);
      }
      if (request.method === 'POST' && request.routeOptions.url === '/graphql') {
        const found = differencesOfGraphql(request.body, reply.statusCode, String(payload));
        for (const text of found) this.violations.add(`GraphQL ${reply.statusCode}: ${text}`);
      }
      done(null, payload);
    });
  }

  /** Compares the responses that another process sends to this client. */
  watchClient(client: Client): Client {
    return new Proxy(client, {
      get: (target, method: keyof Client) => (path: string) => {
        const test = (target[method] as Client['get'])(path);
        test.on('response', ({ status, type, text }: supertest.Response) => {
          const [pathname] = path.split('?');
          const found = patterns.find(
            ({ operation, pattern }) => operation.method === method && pattern.test(pathname!),
          );
          if (found) this.check(found.operation, path, { status, type, body: text });
        });
        return test;
      },
    });
  }

  /** The differences so far. */
  takeViolations(): string[] {
    const found = [...this.violations];
    this.violations.clear();
    return found;
  }

  /** Throws if a response differed from the document. */
  finish(): void {
    // bin/test compares this file with the document after a whole run: see contract-coverage.ts.
    const file = process.env.TEST_RESPONSES_FILE;
    if (file) appendFileSync(file, [...this.seen].map((line) => `${line}\n`).join(''));
    if (this.violations.size > 0)
      throw new Error(`Responses differ from openapi.json:\n${[...this.violations].join('\n')}`);
  }

  private check(operation: Operation, url: string, { status, type, body }: Received): void {
    const { operationId, responses } = operation;
    this.seen.add(`${operationId} ${status}`);
    const isError = status >= 400 && !responses[status]?.content?.['application/json'];
    const found = isError
      ? differencesOfError(operation, status, { type, body })
      : differencesOfSuccess(`${operationId} ${status}`, responses[status], { type, body });
    this.report(operation, status, url, found);
  }

  private report({ operationId }: Operation, status: number, url: string, found: string[]): void {
    for (const text of found) this.violations.add(`${operationId} ${status} (${url}): ${text}`);
  }
}

type Documented = Operation['responses'][string] | undefined;

function missingHeaders(documented: Documented, reply: FastifyReply): string[] {
  const required = Object.entries(documented?.headers ?? {}).filter(([, header]) => {
    const { $ref } = header;
    return ($ref ? openapi.components.headers[$ref.split('/').at(-1)!]! : header).required;
  });
  return required.filter(([name]) => !reply.hasHeader(name)).map(([name]) => `the header ${name} is missing`);
}

/** `body` is undefined for streams. */
function differencesOfSuccess(
  key: string,
  documented: Documented,
  { type, body }: { type: string; body: string | undefined },
): string[] {
  if (!documented) return key.endsWith(' 304') ? [] : ['the status is not documented'];
  const { content = {} } = documented;
  const schema = (content[type] ?? content['*/*'])?.schema;
  if (!schema) return Object.keys(content).length > 0 ? [`the type ${type} is not documented`] : [];
  return type === 'application/json' && body !== undefined ? validate(key, schema, body) : [];
}

function differencesOfError(
  operation: Operation,
  status: number,
  { type, body = '' }: { type: string; body: string | undefined },
): string[] {
  if (hasOwnErrors(operation))
    return validate(`errors of ${operation.operationId}`, ownErrorSchema(operation), body);
  if (type !== PROBLEM) return [`an error has the type ${type}`];
  const { code } = JSON.parse(body) as { code: string };
  const found = validate('problem', { $ref: '#/components/schemas/Problem' }, body);
  const undocumented = operation.requestBody ? ANYWHERE : [...ANYWHERE, ...OF_A_BODY];
  const isKnown = undocumented.includes(code) || codesOf(operation, status).includes(code);
  return isKnown ? found : [...found, `the code ${code} is not documented`];
}

/** Returns the differences between the body and the schema. */
function validate(key: string, schema: object, body: string): string[] {
  let check = validators.get(key);
  if (!check) {
    const text = JSON.stringify({ allOf: [schema], $defs: openapi.components.schemas });
    check = ajv.compile(JSON.parse(text.replaceAll('"#/components/schemas/', '"#/$defs/')) as object);
    validators.set(key, check);
  }
  return check(JSON.parse(body)) ? [] : [ajv.errorsText(check.errors, { dataVar: 'body' })];
}
