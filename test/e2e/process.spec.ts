import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

let app: TestApp;
let env: Record<string, string>;

beforeAll(async () => {
  app = await TestApp.start();
  env = {
    NODE_ENV: 'test',
    DATABASE_URL: app.config.DATABASE_URL,
    JWT_KEYS_DIR: app.config.JWT_KEYS_DIR,
    MAIL_DIR: app.config.MAIL_DIR,
  };
});

afterAll(() => app.stop());

const REQUIRED = ['DATABASE_URL', 'SECRET_KEYS', 'PUBLIC_URL', 'FRONTEND_URL', 'SMTP_URL', 'FILES_STORAGE'];

describe.each(['main', 'worker'] as const)('%s.js in production', (name) => {
  it('reports all invalid settings together, and exits with 1', async () => {
    const program = await Program.start(name, {
      NODE_ENV: 'production',
      DATABASE_URL: 'mysql://app:hunter2@db/app',
      SECRET_KEYS: 'hunter2',
      PUBLIC_URL: 'http://api.example.com',
      JWT_KEYS: JSON.stringify({ 'active-a.pem': 'hunter2' }),
    });

    expect(await program.exited).toEqual({ code: 1, signal: null });
    // A worker needs no signing keys.
    for (const setting of [...REQUIRED, ...(name === 'main' ? ['JWT_KEYS'] : [])]) {
      expect(program.output).toContain(`- ${setting}`);
    }
    expect(program.output).not.toContain('hunter2');
    expect(program.output).not.toMatch(/\n +at /);
  });

  it('starts with a complete environment', async () => {
    const program = await Program.start(name, production());

    await program.ready();
    await program.untilReady();

    expect(await program.end('SIGINT')).toEqual({ code: 0, signal: null });
    for (const secret of [production()['SECRET_KEYS']!, 'PRIVATE KEY'])
      expect(program.output).not.toContain(secret);
  });
});

describe('started before Postgres', () => {
  let proxy: TcpProxy;

  beforeAll(async () => {
    proxy = await TcpProxy.start();
  });

  afterAll(() => proxy.stop());

  it.each(['main', 'worker'] as const)(
    '%s.js is alive but not ready, and becomes ready once Postgres responds',
    async (name) => {
      const url = proxy.to(env['DATABASE_URL']!);
      proxy.cut();
      const program = await Program.start(name, { ...env, NODE_ENV: 'development', DATABASE_URL: url });
      await until(() => program.output.includes('waiting for it'), 'it to wait');
      const [live, ready, other] = await Promise.all(
        ['/health/live', '/health/ready', '/v1/users/me'].map((path) => fetch(`${program.url}${path}`)),
      );

      proxy.restore();
      await program.ready();

      expect([live?.status, ready?.status, other?.status]).toEqual([200, 503, 503]);
      expect(await ready?.json()).toMatchObject({ status: 'unavailable', checks: { database: 'down' } });
      expect(await other?.json()).toMatchObject({ code: 'UNAVAILABLE', instance: '/v1/users/me' });
      expect(Number(other?.headers.get('retry-after'))).toBeGreaterThan(0);
      await until(async () => (await fetch(`${program.url}/health/ready`)).status === 200, 'it to be ready');
      expect(await program.end()).toEqual({ code: 0, signal: null });
    },
  );
});

describe('a Postgres that can not be used', () => {
  it.each(['main', 'worker'] as const)('is logged by %s.js again when the error changes', async (name) => {
    const proxy = await TcpProxy.start();
    const url = proxy.to(env['DATABASE_URL']!);
    proxy.cut();
    const program = await Program.start(name, { ...env, NODE_ENV: 'development', DATABASE_URL: url });
    const codes = () =>
      program
        .lines()
        .filter(({ msg }) => msg.includes('waiting for it'))
        .map(({ err }) => (err as { code?: string }).code);
    await until(() => codes().length > 0, 'it to wait');

    await proxy.stop();

    await until(() => codes().at(-1) === 'ECONNREFUSED', 'the other error to be logged');
    expect(codes()).toHaveLength(2);
    expect(await program.end()).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['has no such database', { pathname: '/no_such_database' }, 'no_such_database'],
    ['knows no such user', { username: 'no_such_user', password: 'hunter2' }, 'no_such_user'],
  ])('stops a program at startup if it %s', async (_name, change, told) => {
    const url = Object.assign(new URL(env['DATABASE_URL']!), change).href;

    const program = await Program.start('main', { ...env, NODE_ENV: 'development', DATABASE_URL: url });

    expect(await program.exited).toEqual({ code: 1, signal: null });
    expect(program.output).toContain('Postgres rejects the connection of DATABASE_URL');
    expect(program.output).toContain(told);
    expect(program.output).not.toContain('hunter2');
    expect(program.output).not.toMatch(/\n +at /);
  });
});

describe('the API during shutdown', () => {
  it('completes every request in flight, and exits with 0', async () => {
    const { user, password } = await createUser(app);
    const api = await (await Program.start('main', env)).ready();
    const lock = app.db.createQueryRunner();
    await lock.startTransaction();
    await lock.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    const answering = times(5, () => post(`${api.url}/v1/auth/login`, { email: user.email, password }));
    await until(async () => (await waitingForLocks()) >= 5, 'the requests to be in flight');

    const ending = api.end();
    await until(() => api.output.includes('Shutting down'), 'the end to begin');
    await lock.commitTransaction();
    await lock.release();

    const answers = await Promise.all(answering);
    expect(answers.map(({ status }) => status)).toEqual(times(5, () => 200));
    expect(await ending).toEqual({ code: 0, signal: null });
    expect(api.lines().at(-1)).toMatchObject({ msg: 'Shutdown complete' });
  });

  it('disconnects a client that has sent no request, and exits with 0', async () => {
    const api = await (await Program.start('main', env)).ready();
    const client = connect(Number(new URL(api.url).port), '127.0.0.1');
    await once(client, 'connect');
    client.on('error', () => undefined);
    const closed = new Promise((resolve) => client.once('close', resolve));

    const exit = await api.end();

    await closed;
    expect(exit).toEqual({ code: 0, signal: null });
  });

  it('keeps responding while it drains, but is not ready', async () => {
    const api = await (await Program.start('main', { ...env, SHUTDOWN_DRAIN_SECONDS: '2' })).ready();
    await api.untilReady();
    const agent = new Agent({ keepAlive: true });
    expect((await request(`${api.url}/health/ready`, agent)).statusCode).toBe(200);

    const ending = api.end();
    await until(() => api.output.includes('Shutting down'), 'the end to begin');
    const [ready, live, kept] = [
      await fetch(`${api.url}/health/ready`),
      await fetch(`${api.url}/health/live`),
      await request(`${api.url}/`, agent),
    ];

    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'draining', checks: { database: 'up' } });
    expect(live.status).toBe(200);
    expect(kept.statusCode).toBe(200);
    // The next request of this client must use another instance.
    expect(kept.headers.connection).toBe('close');
    expect(await ending).toEqual({ code: 0, signal: null });
    await expect(fetch(`${api.url}/health/live`)).rejects.toThrow('fetch failed');
    agent.destroy();
  });

  it('exits at once on a second signal', async () => {
    const api = await (await Program.start('main', { ...env, SHUTDOWN_DRAIN_SECONDS: '24' })).ready();
    const first = api.end();
    await until(() => api.output.includes('Shutting down'), 'the end to begin');

    await api.end('SIGINT');

    expect(await first).toEqual({ code: 1, signal: null });
    expect(api.output).not.toContain('"Shut down"');
  });

  it('exits at its deadline, even if something hangs', async () => {
    const { user, password } = await createUser(app);
    const api = await (await Program.start('main', { ...env, SHUTDOWN_DEADLINE_SECONDS: '1' })).ready();
    const lock = app.db.createQueryRunner();
    await lock.startTransaction();
    await lock.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    const hanging = post(`${api.url}/v1/auth/login`, { email: user.email, password }).catch(
      () => 'broken off',
    );
    await until(async () => (await waitingForLocks()) >= 1, 'the request to hang');

    const exit = await api.end();

    await lock.rollbackTransaction();
    await lock.release();
    expect(exit).toEqual({ code: 1, signal: null });
    expect(await hanging).toBe('broken off');
    expect(api.output).toContain('Shutdown deadline passed');
  });

  it('can begin during startup', async () => {
    const api = await Program.start('main', {
      ...env,
      DATABASE_URL: 'postgres://127.0.0.1:1/nothing',
      NODE_ENV: 'development',
    });
    await until(() => api.output.includes('waiting for it'), 'it to look for its database');

    expect(await api.end()).toEqual({ code: 0, signal: null });
  });

  it('can begin while the routes are registered', async () => {
    const api = await Program.start('main', { ...env, LOG_LEVEL: 'info' });
    await until(() => api.output.includes('Mapped {'), 'the first route');

    expect(await api.end()).toEqual({ code: 0, signal: null });
    expect(api.lines().filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('the worker during shutdown', () => {
  it('serves its health check until it exits with 0', async () => {
    const worker = await (await Program.start('worker', { ...env, NODE_ENV: 'development' })).ready();
    await worker.untilReady();

    const answers = await Promise.all(
      ['/health/live', '/health/ready', '/v1/users/me'].map((path) => fetch(`${worker.url}${path}`)),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404]);
    expect(await worker.end()).toEqual({ code: 0, signal: null });
  });
});

describe('a port that is in use', () => {
  it('is reported in one clear line', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await until(() => server.listening, 'the port to be taken');
    const { port } = server.address() as AddressInfo;

    const api = await Program.start('main', { ...env, PORT: String(port), LOG_LEVEL: 'silent' });

    expect(await api.exited).toEqual({ code: 1, signal: null });
    server.close();
    expect(api.output.trim().split('\n')).toEqual([expect.stringMatching(/port.*in use.*PORT/i)]);
  });
});

function production(): Record<string, string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    NODE_ENV: 'production',
    DATABASE_URL: app.config.DATABASE_URL,
    PUBLIC_URL: 'https://api.example.com',
    FRONTEND_URL: 'https://app.example.com',
    CORS_ORIGINS: 'https://app.example.com',
    OAUTH_RETURN_TO_ALLOWLIST: 'https://app.example.com',
    SECRET_KEYS: randomBytes(32).toString('base64'),
    SMTP_URL: 'smtp://127.0.0.1:1',
    FILES_STORAGE: 'local',
    JWT_KEYS: JSON.stringify({
      'active-a.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }),
    SHUTDOWN_DRAIN_SECONDS: '0',
  };
}

const post = (url: string, body: object) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const request = (url: string, agent: Agent): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => answer.resume().on('end', () => resolve(answer))).on('error', reject);
  });

async function waitingForLocks(): Promise<number> {
  const [{ count }] = await app.db.query(
    `SELECT count(DISTINCT pid)::int FROM pg_locks
     WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return count;
}
