import '../../src/app.module.ts';
import { allProblems } from '../../src/platform/errors/app-error.ts';
import { codesOf, openapi, type Operation, operations } from '../support/openapi.ts';
import { describe, expect, it } from '@jest/globals';

/** Outside of /v1 stands only what has a place of its own by convention. */
const UNVERSIONED = [
  '/',
  '/problems',
  '/problems/{code}',
  '/health/live',
  '/health/ready',
  '/.well-known/jwks.json',
];
/** Not wrapped in `data`: others fixed their form. */
const UNWRAPPED = ['/health/live', '/health/ready', '/.well-known/jwks.json'];
/** Any request may meet these, whatever its route, so no route lists them. */
const ANYWHERE = ['CONFLICT', 'MALFORMED_REQUEST', 'METHOD_NOT_ALLOWED', 'URI_TOO_LONG'];
/** Told in the address that a browser is sent back to. */
const IN_REDIRECTS = [
  'ACCESS_DENIED',
  'ACCOUNT_EXISTS',
  'EMAIL_UNVERIFIED',
  'IDENTITY_CONFLICT',
  'PROVIDER_ERROR',
];
/** Forms whose names are those of another protocol. */
const FOREIGN = ['OAuthCallback', 'Jwks'];

const each = operations.map((operation) => [operation.operationId, operation] as const);

describe('the OpenAPI document', () => {
  it('names each operation once', () => {
    const ids = operations.map(({ operationId }) => operationId);

    expect(ids.length).toBeGreaterThan(20);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z]+_[a-z][A-Za-z]+$/);
  });

  it('leads to no component that is not there', () => {
    const references = JSON.stringify(openapi).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);

    const missing = [...references].filter(([, name]) => !(String(name) in openapi.components.schemas));
    expect(missing).toEqual([]);
  });

  it('has no component that nothing leads to', () => {
    const text = JSON.stringify(openapi);

    const unused = Object.keys(openapi.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );
    expect(unused).toEqual([]);
  });

  it('knows each code of the catalogue, and no other', () => {
    const documented = new Set(operations.flatMap((operation) => codesOf(operation)));
    const catalogue = allProblems().map(({ code }) => code);

    expect([...documented].filter((code) => !catalogue.includes(code))).toEqual([]);
    const elsewhere = catalogue.filter((code) => !documented.has(code));
    expect(elsewhere.toSorted()).toEqual([...ANYWHERE, ...IN_REDIRECTS].toSorted());
  });

  it('writes names in camelCase', () => {
    const names = Object.entries(openapi.components.schemas)
      .filter(([component]) => !FOREIGN.includes(component))
      .flatMap(([, schema]) => propertiesIn(schema));

    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !/^[a-z][A-Za-z0-9]*$/.test(name))).toEqual([]);
  });
});

describe('each operation', () => {
  it.each(each)('has a place under /v1, or one of its own: %s', (_id, { path }) => {
    if (UNVERSIONED.includes(path)) return;
    expect(path).toMatch(/^\/v1(\/([a-z0-9]+(-[a-z0-9]+)*|\{[a-z][A-Za-z]*\}))+$/);
  });

  it.each(each)('says what it is for: %s', (_id, { summary = '' }) => {
    expect(summary).toMatch(/^[A-Z].{5,80}[^.]$/);
  });

  it.each(each)('declares one success and its form: %s', (_id, operation) => {
    const successes = Object.entries(operation.responses).filter(([status]) => /^[23]/.test(status));

    expect(successes).toHaveLength(1);
    const [[status, { content, description }]] = successes as [(typeof successes)[number]];
    expect(description).toMatch(/\w/);
    if (status === '204' || status.startsWith('3')) {
      expect(content).toBeUndefined();
    } else if (content?.['application/json']) {
      const { schema } = content['application/json'];
      const { properties } = resolve(schema) as { properties?: Record<string, unknown> };
      if (!UNWRAPPED.includes(operation.path)) expect(properties).toHaveProperty('data');
    } else {
      expect(Object.values(content ?? {})).toEqual([{ schema: { type: 'string', format: 'binary' } }]);
    }
  });

  it.each(each)('declares its refusals as problems: %s', (_id, { responses }) => {
    const refusals = Object.entries(responses).filter(([status]) => /^[45]/.test(status));

    expect(refusals.map(([status]) => status)).toEqual(expect.arrayContaining(['422', '500', '503']));
    for (const [, { content }] of refusals) {
      expect(content?.['application/problem+json']?.schema).toEqual({ $ref: '#/components/schemas/Problem' });
      expect(Object.keys(content?.['application/problem+json']?.examples ?? {})).not.toEqual([]);
    }
  });

  it.each(each)('declares what follows from what it takes: %s', (_id, operation) => {
    const { parameters = [], requestBody, path, method } = operation;
    const named = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    if (named.length > 0) expect(codesOf(operation, 404)).toContain('NOT_FOUND');
    if (parameters.some(({ name }) => name === 'cursor')) {
      expect(codesOf(operation, 400)).toContain('INVALID_CURSOR');
    }
    if (operation.security) expect(codesOf(operation, 401)).toContain('UNAUTHENTICATED');
    if (method === 'get' || method === 'delete') expect(requestBody).toBeUndefined();
    if ('415' in operation.responses) expect(Object.keys(requestBody?.content ?? {})).not.toEqual([]);
    if (requestBody) {
      expect(codesOf(operation, 413)).toContain('PAYLOAD_TOO_LARGE');
      expect(codesOf(operation, 415)).toContain('UNSUPPORTED_MEDIA_TYPE');
    }
  });

  it.each(withJson())('takes no property that it does not know: %s', (_id, { requestBody }) => {
    for (const schema of objectsIn(resolve(requestBody?.content['application/json']?.schema))) {
      // A record says what its values are; anything else is closed.
      if ('properties' in schema) expect(schema).toMatchObject({ additionalProperties: false });
    }
  });

  it.each(withJson())('takes no text without a bound: %s', (_id, { requestBody }) => {
    const { properties = {} } = resolve(requestBody?.content['application/json']?.schema) as {
      properties?: Record<string, Record<string, unknown>>;
    };

    const unbounded = Object.entries(properties).filter(
      ([, schema]) => schema['type'] === 'string' && !('maxLength' in schema || 'enum' in schema),
    );
    expect(unbounded.map(([name]) => name)).toEqual([]);
  });

  it.each(each)('takes pages of a bounded size: %s', (_id, { parameters = [] }) => {
    const limit = parameters.find(({ name }) => name === 'limit');

    if (!limit) expect(parameters.map(({ name }) => name)).not.toContain('cursor');
    else expect(limit.schema).toMatchObject({ minimum: 1, maximum: 100, default: 20 });
  });
});

function withJson(): [string, Operation][] {
  return operations
    .filter(({ requestBody }) => requestBody?.content['application/json'])
    .map((operation) => [operation.operationId, operation]);
}

/** Follows a reference to its component. */
function resolve(schema: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(String(schema['$ref'] ?? '')) ?? [];
  return name ? openapi.components.schemas[name]! : schema;
}

/** This schema and all below it. */
function objectsIn(schema: unknown): Record<string, unknown>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return [schema as Record<string, unknown>, ...Object.values(schema).flatMap(objectsIn)];
}

const propertiesIn = (schema: unknown): string[] =>
  objectsIn(schema).flatMap(({ properties }) =>
    typeof properties === 'object' && properties !== null ? Object.keys(properties) : [],
  );
