import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { countedGraphqlErrors, graphql } from '../support/graphql.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('the metric graphql_errors_total', () => {
  it('counts errors of queries and mutations by code', async () => {
    await graphql(user, `{ me { id } a: job(id: "${randomUUID()}") { id } b: job(id: "x") { id } }`);
    await graphql(user, `mutation { cancelJob(id: "${randomUUID()}") { id } }`);

    expect(await countedGraphqlErrors(app)).toEqual({
      '{code="NOT_FOUND",operation="query"}': 2,
      '{code="NOT_FOUND",operation="mutation"}': 1,
    });
  });

  it('does not count rejected requests, which http_problems_total counts', async () => {
    const before = await countedGraphqlErrors(app);

    await graphql(user, '{ unknownField }');

    expect(await countedGraphqlErrors(app)).toEqual(before);
  });

  it('has no series for texts that a client chooses', async () => {
    const before = await countedGraphqlErrors(app);
    const name = `x${randomUUID().replaceAll('-', '')}`;

    await graphql(user, `query ${name} { ${name}: job(id: "${name}") { id } }`);

    expect(Object.keys(await countedGraphqlErrors(app))).toEqual(Object.keys(before));
  });
});
