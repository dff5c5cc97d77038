import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Response, Test } from 'supertest';
import { signedIn } from '../support/client.ts';
import { type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { type Content, openapi, type Operation, operations } from '../support/openapi.ts';
import { matrix } from './authorization-matrix.ts';
import { bodyOf } from './authorization-rule.ts';
import { type ExampleBody, preparations, type Prepared, STANDARD_SECRET } from './request-examples.ts';

interface BodyExample {
  operation: Operation;
  type: string;
  value: unknown;
}

interface QueryExample {
  operation: Operation;
  query: Record<string, string>;
}

const titleOf = ({ method, path }: Operation): string => `${method.toUpperCase()} ${path}`;

const bodyExamples = operations.flatMap((operation) =>
  Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, { examples = {} }]) =>
    Object.entries(examples).map(([name, example]): [string, string, BodyExample] => [
      titleOf(operation),
      name,
      { operation, type, value: (example as { value: unknown }).value },
    ]),
  ),
);

const queryExamples = operations.flatMap((operation) =>
  (operation.parameters ?? [])
    .filter(({ in: place, example }) => place === 'query' && example !== undefined)
    .map(({ name, example }): [string, string, QueryExample] => [
      titleOf(operation),
      `${name}=${String(example)}`,
      { operation, query: { [name]: String(example) } },
    ]),
);

let world: OAuthApp;

beforeAll(async () => {
  world = await startOAuthApp({
    // Sends the mails.
    worker: true,
    settings: {
      STANDARD_WEBHOOK_SECRET: STANDARD_SECRET,
      OAUTH_RETURN_TO_ALLOWLIST: 'https://app.example.com',
    },
  });
});

afterAll(() => world.stop());

const isObject = (value: unknown): value is ExampleBody => typeof value === 'object' && value !== null;

/** A new resource of a new user for the path or the body, if the row of the authorization matrix creates one. */
async function resourceOfMatrix(operationId: string): Promise<Prepared> {
  const row = matrix[operationId];
  if (!row?.of) return {};
  const caller = await signedIn(world.app);
  const values = await row.of(world.app, caller);
  const parameters = typeof values === 'string' ? { id: values } : values;
  if (typeof row.body !== 'function') return { caller, parameters };
  // Only the created ids: the example has the rest of the body.
  const created = new Set<unknown>(Object.values(parameters));
  const body = Object.entries(bodyOf(row, values)!).filter(([, value]) => created.has(value));
  return { caller, parameters, body: Object.fromEntries(body) };
}

/** Sends an example after the preparation of its operation. */
async function send(
  operation: Operation,
  value: unknown,
  add: (request: Test, body: unknown) => Test,
): Promise<Response> {
  const { operationId, method, security } = operation;
  const body = isObject(value) ? value : {};
  const prepare = preparations[operationId] ?? (() => resourceOfMatrix(operationId));
  const prepared: Prepared = await prepare(world, body);
  const path = pathOf(operation, prepared);
  const http = world.app.http();
  const request = http[method](path).set(prepared.headers ?? {});
  if (security.length > 0) {
    const { accessToken } = prepared.caller ?? (await signedIn(world.app));
    request.set('authorization', `Bearer ${accessToken}`);
  }
  return add(request, isObject(value) ? { ...body, ...prepared.body } : value);
}

const pathOf = ({ path }: Operation, { parameters }: Prepared): string =>
  path.replaceAll(
    /\{(\w+)\}/g,
    (_whole, name: string) => ({ provider: 'github', ...parameters })[name] ?? '',
  );

/** "works", or the error with an instruction to correct the example. */
function outcomeOf({ status, text }: Response, { operationId, responses }: Operation): string {
  if (status < 400 && String(status) in responses) return 'works';
  const where = `preparations.${operationId} in test/contract/request-examples.ts`;
  return `${status} ${text}\nCorrect the example, or add what it needs (a caller, an id, a token) to ${where}.`;
}

const withoutExample = ([name, content]: readonly [string, Record<string, Content>]): string[] =>
  Object.entries(content)
    .filter(([, { examples = {}, example }]) => Object.keys(examples).length === 0 && example === undefined)
    .map(([type]) => `${name} ${type}: add .register(examples, { … }) to its schema`);

describe('the request examples of openapi.json', () => {
  it.each(bodyExamples)('%s: %s', async (_title, _name, { operation, type, value }) => {
    const response = await send(operation, value, (request, body) => request.type(type).send(body as object));

    expect(outcomeOf(response, operation)).toBe('works');
  });

  it.each(queryExamples)('%s?%s', async (_title, _name, { operation, query }) => {
    const response = await send(operation, undefined, (request) => request.query(query));

    expect(outcomeOf(response, operation)).toBe('works');
  });

  it('exist for each body of a request and each JSON body of a response', () => {
    const bodies = operations.flatMap(({ operationId, requestBody, responses }) => [
      [`${operationId} request`, requestBody?.content ?? {}] as const,
      ...Object.entries(responses).map(
        ([status, { content = {} }]) => [`${operationId} ${status}`, content] as const,
      ),
    ]);

    expect(bodies.flatMap(withoutExample)).toEqual([]);
  });

  it('exist for each event', () => {
    const events = Object.entries(openapi.webhooks).map(
      ([name, { post }]) => [name, post.requestBody.content] as const,
    );

    expect(events.flatMap(withoutExample)).toEqual([]);
  });

  it('have no preparation for an operation without examples', () => {
    const used = new Set(
      [...bodyExamples, ...queryExamples].map(([, , { operation }]) => operation.operationId),
    );

    expect(Object.keys(preparations).filter((operationId) => !used.has(operationId))).toEqual([]);
  });
});
