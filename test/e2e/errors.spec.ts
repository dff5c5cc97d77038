import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

let app: TestApp;
let user: SignedIn;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';

describe('every error response', () => {
  const errors = {
    'an unknown route': () => app.http().get('/v1/nothing-here'),
    'a method that the route lacks': () => app.http().delete('/v1/auth/login'),
    'a body that is not JSON': () => login('{"email":'),
    'a body of an unsupported type': () => login('email=a', 'application/x-www-form-urlencoded'),
    'a body that is too large': () => login(JSON.stringify({ email: 'x'.repeat(200_000) })),
    'an address that is too long': () => app.http().get(`/v1/users?email=${'x'.repeat(9_000)}`),
    'an address that is malformed': () => app.http().get('/v1/users/%zz'),
    'fields that are missing': () => login('{}'),
    'no token': () => app.http().get('/v1/users/me'),
    'a malformed token': () => app.http().get('/v1/users/me').set('authorization', 'Bearer nonsense'),
    'the wrong role': () => user.get('/v1/users'),
    'wrong credentials': () => login('{"email":"unknown@example.com","password":"not the password"}'),
    'a refresh token that is none': () => app.http().post('/v1/auth/refresh').send({ refreshToken: 'x' }),
    'an unknown email token': () =>
      app.http().post('/v1/auth/verify-email').send({ token: 'x', password: 'x' }),
    'an id that nothing has': () => admin.get(`/v1/users/${UUID}`),
    'a cursor of nowhere': () => admin.get('/v1/users?cursor=abc.def'),
    'a stale version': () => user.patch('/v1/users/me', { displayName: 'New' }).set('if-match', '"999"'),
  };

  it.each(Object.entries(errors))('is a problem document: %s', async (_name, request) => {
    const answer = await request();

    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).toMatchObject({
      type: `${app.config.PUBLIC_URL}/problems/${answer.body.code}`,
      title: expect.stringMatching(/^[A-Z]/),
      status: answer.status,
      code: expect.stringMatching(/^[A-Z_]+$/),
      instance: expect.stringMatching(/^\//),
      correlationId: answer.headers['x-correlation-id'],
    });
    expect(answer.headers['x-correlation-id']).toMatch(/^[\w.-]{1,128}$/);
  });

  it.each(Object.entries(errors))('links to its description with its type: %s', async (_name, request) => {
    const { body: problem } = await request();

    const description = await app.http().get(new URL(problem.type).pathname);

    expect(description.status).toBe(200);
    const { code, status, title } = problem;
    expect(description.body.data).toMatchObject({ code, status, title });
  });

  it('omits the query string, which may contain secrets, from the instance', async () => {
    const answer = await app.http().get('/v1/nothing-here?token=secret');

    expect(answer.body.instance).toBe('/v1/nothing-here');
    expect(answer.text).not.toContain('secret');
  });
});

describe('GET /problems', () => {
  it('lists every code once, with its status, title and detail', async () => {
    const answer = await app.http().get('/problems');

    expect(answer.status).toBe(200);
    const codes: string[] = answer.body.data.map(({ code }: { code: string }) => code);
    expect(codes.length).toBeGreaterThan(15);
    expect(codes).toEqual([...new Set(codes)].toSorted());
    for (const problem of answer.body.data) {
      expect(problem).toEqual({
        code: expect.stringMatching(/^[A-Z][A-Z_]+$/),
        status: expect.any(Number),
        title: expect.stringMatching(/\w/),
        detail: expect.stringMatching(/\w/),
      });
    }
  });

  it('responds with 404 for an unknown code', async () => {
    const answer = await app.http().get('/problems/NO_SUCH_CODE');

    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

describe('a route that does not exist', () => {
  it.each(['/nothing', '/v1', '/v1/users/me/nothing', '/V1/users/me', '/v2/users/me', '/v1//users/me'])(
    'is not found without a token: %s',
    async (path) => {
      const answer = await app.http().get(path);

      expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    },
  );

  it.each(['not-a-uuid', '1', '01890a5d', `${UUID}0`, '..%2f..', "';DROP%20TABLE%20users;--", '%00'])(
    'responds the same as a route with an invalid id: %s',
    async (id) => {
      const answer = await admin.get(`/v1/users/${id}`);

      expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
      expect(answer.body).not.toHaveProperty('details');
    },
  );
});

describe('a method that a route does not have', () => {
  it.each([
    ['delete', '/v1/auth/login', 'POST'],
    ['put', '/v1/jobs', 'GET, HEAD, POST'],
    ['post', `/v1/users/${UUID}`, 'GET, HEAD, PATCH'],
    ['patch', '/health/live', 'GET, HEAD'],
  ] as const)('responds with the allowed methods: %s %s', async (method, path, allowed) => {
    const answer = await app.http()[method](path);

    expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
    expect(answer.headers['allow']).toBe(allowed);
  });
});

function login(body: string, type = 'application/json') {
  return app.http().post('/v1/auth/login').set('content-type', type).send(body);
}
