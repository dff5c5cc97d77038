import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GRAPHQL_ERRORS } from '../../src/platform/graphql/graphql.errors.ts';
import { TestApp } from '../support/app.ts';
import { ANYWHERE } from '../support/contract.ts';
import { codesOf, openapi, operations } from '../support/openapi.ts';

/** Sent in the URL of a redirect. */
const IN_REDIRECTS = [
  'ACCESS_DENIED',
  'ACCOUNT_EXISTS',
  'EMAIL_UNVERIFIED',
  'IDENTITY_CONFLICT',
  'PROVIDER_ERROR',
];

const IN_GRAPHQL = GRAPHQL_ERRORS.map(({ problem }) => problem.code);

/** A write causes it at a constraint that no service handles. Operations document it only if a service throws it. */
const OF_ANY_WRITE = 'CONFLICT';

/** Sent by no specific operation of the document. */
const ELSEWHERE = [...ANYWHERE, ...IN_REDIRECTS, ...IN_GRAPHQL];

let open: TestApp;
let closed: TestApp;

beforeAll(async () => {
  [open, closed] = await Promise.all([
    TestApp.start({ settings: { NODE_ENV: 'development' } }),
    TestApp.start({ settings: { API_DOCS: 'false' } }),
  ]);
});

afterAll(() => Promise.all([open.stop(), closed.stop()]));

describe('GET /openapi.json', () => {
  it('matches openapi.json in the repository', async () => {
    const answer = await open.http().get('/openapi.json');

    expect(answer).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
    expect(answer.body).toEqual(openapi);
  });
});

describe('GET /problems', () => {
  it('lists each code of the document and the codes of no specific operation', async () => {
    const { body } = await open.http().get('/problems');

    const catalogue: string[] = body.data.map(({ code }: { code: string }) => code);
    const documented = new Set(operations.flatMap((operation) => codesOf(operation)));
    expect([...documented].filter((code) => !catalogue.includes(code))).toEqual([]);
    const elsewhere = catalogue.filter((code) => !documented.has(code) && code !== OF_ANY_WRITE);
    expect(elsewhere.toSorted()).toEqual(ELSEWHERE.toSorted());
  });
});

describe('GET /docs', () => {
  it('is a page that may load its own scripts and nothing else', async () => {
    const page = await open.http().get('/docs');

    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'self'/);
    const scripts = [...page.text.matchAll(/<script src="([^"]+)"/g)].map(([, path]) => String(path));
    expect(scripts.length).toBeGreaterThan(0);
    for (const path of scripts) {
      const { pathname } = new URL(path, 'http://localhost/docs');
      const script = await open.http().get(pathname);
      expect(script).toMatchObject({
        status: 200,
        headers: { 'content-type': expect.stringMatching(/javascript/) },
      });
    }
  });
});

describe('without API_DOCS', () => {
  it.each([
    '/docs',
    '/docs/',
    '/openapi.json',
    '/docs-json',
    '/docs-yaml',
    '/docs/page.js',
    '/docs/scalar.js',
  ])('there is no %s', async (path) => {
    const answer = await closed.http().get(path);

    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});
