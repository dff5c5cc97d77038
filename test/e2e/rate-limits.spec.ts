import { describe, expect, it, afterAll, beforeAll } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { RouteMethods } from '../../src/platform/http/route-methods.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { startRedis } from '../support/redis.ts';
import { times } from '../support/until.ts';

const SIGN_IN_MAX = 60;
const MAIL_MAX = 10;
const DEFAULT_MAX = 300;
const WEBHOOK_MAX = 3_000;

let app: TestApp;
let proxied: TestApp;

beforeAll(async () => {
  const STANDARD_WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
  app = await TestApp.start({ settings: { RATE_LIMIT_FACTOR: '1', STANDARD_WEBHOOK_SECRET } });
  proxied = await TestApp.start({ settings: { RATE_LIMIT_FACTOR: '1', TRUST_PROXY: '1' } });
});

afterAll(() => Promise.all([app.stop(), proxied.stop()]));

describe('every response under /v1', () => {
  it.each([
    ['of success', () => app.http().get('/v1/auth/oauth'), 200],
    ['without a token', () => app.http().get('/v1/users/me'), 401],
    ['to an invalid body', () => app.http().post('/v1/auth/confirm-email-change').send({}), 422],
    ['to an invalid token', () => app.http().get('/v1/jobs').set('authorization', 'Bearer x'), 401],
  ])('contains the remaining requests: %s', async (_name, ask, status) => {
    const answer = await ask();

    expect(answer.status).toBe(status);
    expect(answer.headers['ratelimit-policy']).toBe(`"default";q=${DEFAULT_MAX};w=60`);
    expect(answer.headers['ratelimit']).toMatch(/^"default";r=\d+;t=([1-9]|[1-5]\d|60)$/);
    expect(remaining(answer)).toBeLessThan(DEFAULT_MAX);
  });

  it.each([
    ['to an unknown route', () => app.http().get('/v1/no-such-route'), 404],
    ['to an unsupported method', () => app.http().delete('/v1/auth/login'), 405],
    ['to a body that is not JSON', () => postText('{', 'application/json'), 400],
    ['to a body of another type', () => postText('a=b', 'application/x-www-form-urlencoded'), 415],
    ['to a body that is too large', () => postText(`"${'x'.repeat(200_000)}"`, 'application/json'), 413],
  ])('is counted, also for errors: %s', async (_name, ask, status) => {
    const first = await ask();
    const second = await ask();

    expect([first.status, second.status]).toEqual([status, status]);
    expect(remaining(second)).toBe(remaining(first) - 1);
  });

  it.each(['/', '/health/live', '/.well-known/jwks.json', '/openapi.json'])(
    'does not include routes for monitoring and discovery: %s',
    async (path) => {
      const { headers } = await app.http().get(path);

      expect(headers['ratelimit']).toBeUndefined();
    },
  );
});

describe('every route', () => {
  /** Routes for probes, token verifiers, static pages and files. */
  const EXEMPT = [
    '/',
    '/.well-known/jwks.json',
    '/health/live',
    '/health/ready',
    '/openapi.json',
    // feature:reference-client begin
    '/verify-email',
    '/reset-password',
    '/confirm-email-change',
    // feature:reference-client end
    /^\/docs(\/|$)/,
    /^\/reference-client(\/|$)/,
    /^\/admin\/queues(\/|$)/,
  ];
  const isExempt = (path: string) =>
    EXEMPT.some((one) => (typeof one === 'string' ? one === path : one.test(path)));

  it('is counted, or is in the list of exempt routes', async () => {
    const { routes } = app.api.get<{ routes: { pattern: RegExp; methods: string[] }[] }>(RouteMethods);
    const requests = routes.flatMap(({ pattern, methods }) =>
      methods
        .filter((method) => !['HEAD', 'OPTIONS'].includes(method))
        .map((method) => ({ method, path: pathOf(pattern) })),
    );

    const uncounted: string[] = [];
    for (const { method, path } of requests) {
      const { headers } = await app.http()[method.toLowerCase() as 'get'](path).redirects(0);
      if (!headers['ratelimit']) uncounted.push(path);
    }

    expect(requests.length).toBeGreaterThan(60);
    expect(uncounted.filter((path) => !isExempt(path))).toEqual([]);
    expect(uncounted).toEqual(expect.arrayContaining(EXEMPT.filter((one) => typeof one === 'string')));
    expect(requests.filter(({ path }) => isExempt(path) && !uncounted.includes(path))).toEqual([]);
  });
});

/** A path that the pattern of a route matches. */
const pathOf = ({ source }: RegExp): string =>
  source.slice(1, -1).replaceAll('[^/]+', '01890a5d-ac96-774b-bcce-b302099a8057').replaceAll(/\\(.)/g, '$1');

describe('the limit of a user', () => {
  it('counts per user, from any IP address', async () => {
    const [user, other] = [await signedIn(proxied), await signedIn(proxied)];

    const counts = [];
    for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.2'])
      counts.push(remaining(await user.get('/v1/users/me').set('x-forwarded-for', address)));
    const others = remaining(await other.get('/v1/users/me').set('x-forwarded-for', '198.51.100.2'));

    expect(counts).toEqual([1, 2, 3].map((used) => DEFAULT_MAX - used));
    expect(others).toBe(DEFAULT_MAX - 1);
  });

  it('leads to 429 when it is used up, and does not affect other users', async () => {
    const [user, other] = [await signedIn(proxied), await signedIn(proxied)];

    const answers = await Promise.all(times(DEFAULT_MAX + 5, () => user.get('/v1/users/me')));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(DEFAULT_MAX);
    expectRefusal(answers.find(({ status }) => status === 429)!);
    expect((await other.get('/v1/users/me')).status).toBe(200);
  });
});

describe('the limit of an IP address', () => {
  it('allows sixty sign-in attempts, for any accounts', async () => {
    const from = '203.0.113.1';

    const answers = await Promise.all(times(SIGN_IN_MAX + 20, () => signIn(from)));

    expect(answers.filter(({ status }) => status === 401)).toHaveLength(SIGN_IN_MAX);
    expectRefusal(answers.find(({ status }) => status === 429)!);
    expect((await signIn('203.0.113.2')).status).toBe(401);
  });

  it.each(['/v1/auth/forgot-password', '/v1/auth/verify-email/resend', '/v1/auth/register'])(
    'allows ten requests that send mail: %s',
    async (path) => {
      const from = `192.0.2.${path.length}`;

      const answers = await Promise.all(times(MAIL_MAX + 3, () => askForMail(path, from)));

      expect(answers.filter(({ status }) => status === 202)).toHaveLength(MAIL_MAX);
      expectRefusal(answers.find(({ status }) => status === 429)!);
    },
  );

  it('is separate and higher for inbound webhooks', async () => {
    const { headers } = await app.http().post('/v1/webhooks/standard').send({});

    expect(headers['ratelimit-policy']).toBe(`"webhook";q=${WEBHOOK_MAX};w=60`);
  });

  it('covers exactly one /64 for IPv6', async () => {
    const counts = [];
    for (const address of [
      '2001:db8:1:2::1',
      '2001:db8:1:2:ffff::9',
      '2001:db8:1:2:3:4:5:6',
      '2001:DB8:1:2::7',
    ])
      counts.push(remaining(await signIn(address)));
    const next = remaining(await signIn('2001:db8:1:3::1'));

    expect(counts).toEqual([1, 2, 3, 4].map((used) => SIGN_IN_MAX - used));
    expect(next).toBe(SIGN_IN_MAX - 1);
  });

  it('is the same for an IPv4-mapped IPv6 address', async () => {
    const counts = [remaining(await signIn('203.0.113.77')), remaining(await signIn('::ffff:203.0.113.77'))];

    expect(counts).toEqual([SIGN_IN_MAX - 1, SIGN_IN_MAX - 2]);
  });

  it('uses the last address that a trusted proxy added', async () => {
    const counts = [];
    for (const spoofed of ['9.9.9.1', '9.9.9.2', '9.9.9.3'])
      counts.push(remaining(await signIn(`${spoofed}, 203.0.113.99`)));

    expect(counts).toEqual([1, 2, 3].map((used) => SIGN_IN_MAX - used));
  });

  it('ignores headers if no proxy is trusted', async () => {
    const ask = (address: string) =>
      app
        .http()
        .post('/v1/auth/login')
        .set('x-forwarded-for', address)
        .set('forwarded', `for=${address}`)
        .set('x-real-ip', address)
        .set('fly-client-ip', address)
        .send({ email: `${randomUUID()}@example.com`, password: 'a wrong password' });

    const answers = await Promise.all(times(SIGN_IN_MAX + 40, (index) => ask(`198.51.100.${index}`)));

    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(40);
  });
});

describe('limits in a Redis that is gone', () => {
  it('are local during an outage, and each request gets a response', async () => {
    const redis = await startRedis();
    const alone = await TestApp.start({
      settings: { RATE_LIMIT_FACTOR: '1', REDIS_URL: redis.url, REDIS_CLUSTER: 'false' },
    });
    try {
      const ask = () => alone.http().post('/v1/auth/forgot-password').send({ email: 'unknown@example.com' });
      expect((await ask()).status).toBe(202);
      await redis.kill();

      const answers = await Promise.all(times(MAIL_MAX * 2, ask));

      const counts = Object.groupBy(answers, ({ status }) => status);
      expect([counts[202]?.length, counts[429]?.length]).toEqual([MAIL_MAX, MAIL_MAX]);
    } finally {
      await alone.stop();
      await redis.kill();
    }
  });
});

interface Answer {
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

function remaining({ headers }: Answer): number {
  const [, requests] = /;r=(\d+);/.exec(headers['ratelimit'] ?? '') ?? [];
  expect(requests).toBeDefined();
  return Number(requests);
}

function expectRefusal(answer: Answer): void {
  const { headers, body } = answer;
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({ code: 'RATE_LIMITED', status: 429 });
  expect(remaining(answer)).toBe(0);
  const seconds = Number(headers['retry-after']);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
}

const signIn = (from: string) =>
  proxied
    .http()
    .post('/v1/auth/login')
    .set('x-forwarded-for', from)
    .send({ email: `${randomUUID()}@example.com`, password: 'a wrong password' });

function askForMail(path: string, from: string) {
  const body = { email: `${randomUUID()}@example.com` };
  const whole = path.endsWith('register')
    ? { ...body, password: 'correct horse battery', displayName: 'New' }
    : body;
  return proxied.http().post(path).set('x-forwarded-for', from).send(whole);
}

const postText = (text: string, type: string) =>
  app.http().post('/v1/auth/confirm-email-change').set('content-type', type).send(text);
