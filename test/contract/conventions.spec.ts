import { describe, expect, it } from '@jest/globals';
import {
  codesOf,
  eventSchema,
  hasBody,
  hasOwnErrors,
  openapi,
  type Operation,
  operations,
  parameter,
  successOf,
  where,
} from '../support/openapi.ts';

/** Paths outside of /v1, which conventions define. */
const UNVERSIONED = [
  '/',
  '/problems',
  '/problems/{code}',
  '/health/live',
  '/health/ready',
  '/.well-known/jwks.json',
  '/.well-known/security.txt',
];
/** Not wrapped in `data`, because external standards define their format. */
const UNWRAPPED = ['/health/live', '/health/ready', '/.well-known/jwks.json'];
/** Responses that can't occur: liveness has no dependency, and the callback ignores invalid parameters. */
const IMPOSSIBLE = ['checkLiveness 503', 'handleProviderCallback 422'];
/** Schemas whose property names come from another protocol. */
const FOREIGN = ['OAuthCallback', 'Jwks'];

describe('the OpenAPI document', () => {
  it('names each operation once', () => {
    const ids = operations.map(({ operationId }) => operationId);

    expect(ids.length).toBeGreaterThan(20);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z]+(V\d+)?$/);
  });

  it('contains only references that resolve inside the document', () => {
    const references = [...JSON.stringify(openapi).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) =>
      String(to),
    );

    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((to) => target(to) === undefined)).toEqual([]);
  });

  it('gives each operation one of the documented tags', () => {
    const tags = openapi.tags.map(({ name }) => name);

    for (const operation of operations) expect(tags).toEqual(expect.arrayContaining(operation.tags));
    for (const { tags: own } of operations) expect(own).toHaveLength(1);
  });

  it('has no unused component', () => {
    const text = JSON.stringify(openapi);

    const unused = Object.keys(openapi.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );
    expect(unused).toEqual([]);
  });

  it('writes names in camelCase', () => {
    const names = Object.entries(openapi.components.schemas)
      .filter(([component]) => !FOREIGN.includes(component))
      .flatMap(([, schema]) => propertiesIn(schema));

    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !/^[a-z][A-Za-z0-9]*$/.test(name))).toEqual([]);
  });
});

describe('each event', () => {
  it.each(Object.keys(openapi.webhooks))('is documented under its type with a schema: %s', (type) => {
    const schema = openapi.webhooks[type]!.post.requestBody.content['application/json']!.schema;

    expect(type).toMatch(/^[a-zA-Z0-9_.]+$/);
    expect(schema).toMatchObject({
      required: ['type', 'timestamp', 'data'],
      properties: { type: { const: type } },
    });
    expect(eventSchema(type).safeParse({ type, timestamp: new Date().toISOString() }).success).toBe(false);
  });
});

describe('each operation', () => {
  it.each(where((operation) => !UNVERSIONED.includes(operation.path) && !hasOwnErrors(operation)))(
    'has a path under its version: %s',
    (_id, { path }) => {
      expect(path).toMatch(/^\/v\d+(\/([a-z0-9]+(-[a-z0-9]+)*|\{[a-z][A-Za-z]*\}))+$/);
    },
  );

  it.each(where(() => true))('has a summary and one success response: %s', (_id, operation) => {
    const { summary = '', responses } = operation;

    expect(summary).toMatch(/^[A-Z].{5,80}[^.]$/);
    expect(Object.keys(responses).filter((status) => /^[123]/.test(status) && status !== '304')).toHaveLength(
      1,
    );
    expect(successOf(operation).description).toMatch(/\w/);
  });

  it.each(where((operation) => hasBody(operation) && !isJson(operation)))(
    'that returns a file declares it: %s',
    (_id, operation) => {
      const { content = {} } = successOf(operation);

      expect(Object.values(content)).toEqual([
        { schema: { type: 'string', format: 'binary' }, example: expect.any(String) },
      ]);
    },
  );

  it.each(
    where(
      (operation) =>
        hasBody(operation) &&
        isJson(operation) &&
        !UNWRAPPED.includes(operation.path) &&
        !hasOwnErrors(operation),
    ),
  )('that returns JSON wraps it in data: %s', (_id, operation) => {
    const schema = resolve(successOf(operation).content?.['application/json']?.schema);

    expect(schema['required']).toContain('data');
    expect(['data', 'meta']).toEqual(expect.arrayContaining(Object.keys(schema['properties'] as object)));
  });

  it.each(where((operation) => !hasBody(operation)))(
    'that returns no body has no schema: %s',
    (_id, operation) => {
      expect(successOf(operation).content).toBeUndefined();
    },
  );

  it.each(where((operation) => !hasOwnErrors(operation)))(
    'declares its errors as problem documents: %s',
    (id, { responses }) => {
      // An unready process responds with the body of readiness and 503, for load balancers and operators.
      const errors = Object.entries(responses).filter(
        ([status]) => /^[45]/.test(status) && !(id === 'checkReadiness' && status === '503'),
      );

      const expected = ['422', '500', '503'].filter((status) => !IMPOSSIBLE.includes(`${id} ${status}`));
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(expected));
      for (const [, { content }] of errors) {
        expect(content?.['application/problem+json']?.schema).toEqual({
          $ref: '#/components/schemas/Problem',
        });
        expect(Object.keys(content?.['application/problem+json']?.examples ?? {})).not.toEqual([]);
      }
    },
  );

  it.each(where(({ path }) => path.includes('{')))(
    'with a path parameter declares 404: %s',
    (_id, operation) => {
      const named = operation.parameters?.filter((one) => one.in === 'path');

      expect(named?.map(({ name }) => `{${name}}`)).toEqual(operation.path.match(/\{\w+\}/g));
      expect(codesOf(operation, 404)).toContain('NOT_FOUND');
    },
  );

  it.each(where((operation) => parameter(operation, 'cursor') !== undefined))(
    'with pages limits their size and declares an invalid cursor: %s',
    (_id, operation) => {
      expect(parameter(operation, 'limit')?.schema).toMatchObject({ minimum: 1, maximum: 100, default: 20 });
      expect(codesOf(operation, 400)).toContain('INVALID_CURSOR');
    },
  );

  it.each(where(({ security }) => security.length > 0))(
    'that needs a token declares 401: %s',
    (_id, operation) => {
      expect(codesOf(operation, 401)).toContain('UNAUTHENTICATED');
    },
  );

  it.each(where(({ method }) => method === 'get' || method === 'delete'))(
    'has no body: %s',
    (_id, operation) => {
      expect(operation.requestBody).toBeUndefined();
    },
  );

  it.each(where(({ requestBody, responses }) => requestBody !== undefined || '415' in responses))(
    'with a body declares its type and rejects others: %s',
    (_id, operation) => {
      expect(Object.keys(operation.requestBody?.content ?? {})).not.toEqual([]);
      expect(codesOf(operation, 413)).toContain('PAYLOAD_TOO_LARGE');
      expect(codesOf(operation, 415)).toContain('UNSUPPORTED_MEDIA_TYPE');
    },
  );

  it.each(where(takesJson))('rejects unknown properties: %s', (_id, { requestBody }) => {
    const forms = objectsIn(resolve(requestBody?.content['application/json']?.schema));

    // A record has a schema for its values; any other object allows no additional properties.
    const open = forms.filter((form) => 'properties' in form && form['additionalProperties'] !== false);
    expect(forms).not.toEqual([]);
    expect(open).toEqual([]);
  });

  it.each(where(takesJson))('limits the length of each text: %s', (_id, { requestBody }) => {
    const { properties } = resolve(requestBody?.content['application/json']?.schema) as {
      properties: Record<string, Record<string, unknown>>;
    };

    const unbounded = Object.entries(properties).filter(
      ([, schema]) => schema['type'] === 'string' && !('maxLength' in schema || 'enum' in schema),
    );
    expect(unbounded.map(([name]) => name)).toEqual([]);
  });
});

function isJson(operation: Operation): boolean {
  return 'application/json' in (successOf(operation).content ?? {});
}

/** Excludes signed bodies, whose sender defines the format. */
function takesJson({ requestBody }: Operation): boolean {
  return requestBody?.content['application/json']?.schema?.['$ref'] !== undefined;
}

/** Resolves a reference to its component. */
function resolve(schema: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec((schema['$ref'] as string | undefined) ?? '') ?? [];
  return name ? openapi.components.schemas[name]! : schema;
}

/** This schema and all nested schemas. */
function objectsIn(schema: unknown): Record<string, unknown>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return [schema as Record<string, unknown>, ...Object.values(schema).flatMap(objectsIn)];
}

/** Follows a JSON pointer (RFC 6901) from the root of the document. */
function target(reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  const names = reference
    .slice(2)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], openapi);
}

const propertiesIn = (schema: unknown): string[] =>
  objectsIn(schema).flatMap(({ properties }) =>
    typeof properties === 'object' && properties !== null ? Object.keys(properties) : [],
  );
