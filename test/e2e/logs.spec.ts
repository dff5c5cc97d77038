import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { SignedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const CANARY = 'canary-c4n4ry';

let app: TestApp;
let api: Program;

beforeAll(async () => {
  app = await TestApp.start();
  api = await app.startAnother({ LOG_LEVEL: 'trace' });
});

afterAll(() => app.stop());

describe('the log of the API', () => {
  it('has one line per request, with the route template', async () => {
    const { user, password } = await createUser(app);
    const { accessToken, refreshToken } = await signIn(user.email, password);
    const me = new SignedIn(app, user, accessToken, refreshToken);

    const answer = await me.get('/v1/users/me', api).set('x-correlation-id', 'one-line');

    const [line, ...more] = await linesOf('one-line');
    expect(more).toEqual([]);
    expect(line).toMatchObject({
      level: 'info',
      msg: 'request',
      correlationId: answer.headers['x-correlation-id'],
      method: 'GET',
      route: '/v1/users/me',
      status: 200,
      ms: expect.any(Number),
      ip: expect.stringContaining('127.0.0.1'),
      userId: user.id,
    });
    expect(JSON.stringify(line)).toContain(String(decodeJwt(accessToken)['sid']));
  });

  it('does not contain the path of an unknown route', async () => {
    await app.http(api).get('/wp-admin/setup.php?x=1').set('x-correlation-id', 'no-route');

    const [line] = await linesOf('no-route');
    expect(line).toMatchObject({ route: 'unmatched', status: 404, level: 'info' });
    expect(JSON.stringify(line)).not.toContain('wp-admin');
  });

  it('contains no health checks', async () => {
    await app.http(api).get('/health/ready').set('x-correlation-id', 'health-check');
    await app.http(api).get('/').set('x-correlation-id', 'after-health-check');

    await linesOf('after-health-check');
    expect(api.output).not.toContain('"health-check"');
  });

  it('has the correlation id and the trace of a request in the lines of its job', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

    await app
      .http(api)
      .post('/v1/auth/register')
      .set({ 'x-correlation-id': 'into-the-job', traceparent })
      .send({ email: 'traced@example.com', password: 'a rather long password', displayName: 'Traced' });

    const [job] = await app.db.query(`SELECT * FROM jobs WHERE correlation_id = 'into-the-job'`);
    expect(job).toMatchObject({ type: 'mail-send', traceparent });
    const worker = await app.startWorker();
    const { headers } = await app.mailbox.next('traced@example.com');
    await worker.close();
    app.workers.splice(0);
    expect(headers.get('x-correlation-id')).toBe('into-the-job');
  });

  it('contains no secret after successful and failed requests', async () => {
    const { user } = await createUser(app, { password: `${CANARY} password` });
    const { accessToken, refreshToken } = await signIn(user.email, `${CANARY} password`);
    const successor = await app.http(api).post('/v1/auth/refresh').send({ refreshToken });
    const attempts = [
      app
        .http(api)
        .post('/v1/auth/login')
        .send({ email: user.email, password: `${CANARY} wrong` }),
      app
        .http(api)
        .post('/v1/auth/login')
        .send({ email: `${CANARY}@example.com`, password: CANARY }),
      app.http(api).post('/v1/auth/register').send({ password: CANARY, secret: CANARY }),
      app.http(api).post('/v1/auth/login').type('json').send(`{"password":"${CANARY}`),
      app.http(api).post('/v1/auth/verify-email').send({ token: CANARY, password: CANARY }),
      app.http(api).post('/v1/auth/refresh').send({ refreshToken: CANARY }),
      app.http(api).get(`/v1/users/me?access_token=${CANARY}`).set('authorization', `Bearer ${accessToken}`),
      app.http(api).get(`/nothing/${CANARY}?token=${CANARY}`),
      app
        .http(api)
        .get('/')
        .set({ cookie: `session=${CANARY}`, authorization: `Bearer ${CANARY}` }),
      app
        .http(api)
        .get('/')
        .set({ 'x-api-key': CANARY, referer: `https://x.example/?code=${CANARY}` }),
      app.http(api).get(`/%zz${CANARY}`),
    ];

    const answers = await Promise.all(attempts);
    await app.http(api).get('/').set('x-correlation-id', 'after-the-canaries');

    await linesOf('after-the-canaries');
    expect(answers.map(({ status }) => status)).not.toContain(500);
    const secrets = [CANARY, accessToken, refreshToken, successor.body.data.refreshToken, user.passwordHash];
    secrets.push(...app.config.SECRET_KEYS, new URL(app.config.DATABASE_URL).password);
    for (const secret of secrets.filter(Boolean)) expect(api.output).not.toContain(secret);
  });

  it('contains no secret when the database fails during a request', async () => {
    const { user, password } = await createUser(app);
    const { accessToken } = await signIn(user.email, password);
    await app.db.query('ALTER TABLE users RENAME TO users_elsewhere');

    const answer = await app
      .http(api)
      .post('/v1/auth/register')
      .set({ 'x-correlation-id': 'broken', authorization: `Bearer ${accessToken}` })
      .send({ email: 'planted@example.com', password: `${CANARY} ${CANARY}`, displayName: CANARY });

    await app.db.query('ALTER TABLE users_elsewhere RENAME TO users');
    expect(answer.status).toBe(500);
    const lines = await linesOf('broken', 2);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(api.output).not.toContain(CANARY);
  });

  it('is JSON on every line', () => {
    const lines = api.output.trim().split('\n');

    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        time: expect.any(Number),
        level: expect.stringMatching(/^\w+$/),
      });
    }
  });
});

async function signIn(email: string, password: string) {
  const { body } = await app.http(api).post('/v1/auth/login').send({ email, password });
  return body.data as { accessToken: string; refreshToken: string };
}

/** Waits for the log line of the request, which is written after the response. */
const linesOf = (correlationId: string, count = 1) =>
  until(() => {
    const lines = api.lines().filter((line) => line['correlationId'] === correlationId);
    return lines.length >= count && lines;
  }, `the log of ${correlationId}`);
