import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  ApiClient,
  memoryStore,
  ProblemError,
  type Tokens,
  type TokenStore,
} from '../../clients/typescript/src/index.ts';
import { notify } from '../factories/notification.factory.ts';
import { createUser, DEFAULT_PASSWORD, type NewTestUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { accountsOf } from '../support/imports.ts';
import { until } from '../support/until.ts';

const CLIENT = join(import.meta.dirname, '../../clients/typescript');

let app: TestApp;
let baseUrl: string;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
  baseUrl = await app.listen();
});

afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(() => app.stop());

describe('the session of the TypeScript client', () => {
  it('refreshes once for parallel requests when the access token has become invalid', async () => {
    const { api, store } = await signIn();
    const { refreshToken } = await spoilToken(store);
    const requests = watchRequests();

    const users = await Promise.all(Array.from({ length: 5 }, () => api.get('/v1/users/me')));

    expect(new Set(users.map(({ data }) => data.id)).size).toBe(1);
    expect(requests.filter((path) => path === '/v1/auth/refresh')).toHaveLength(1);
    expect(requests.filter((path) => path === '/v1/users/me')).toHaveLength(10);
    expect((await store.load())?.refreshToken).not.toBe(refreshToken);
  });

  it('refreshes once for two processes that share the tokens', async () => {
    const { api, store } = await signIn();
    await spoilToken(store);
    const other = new ApiClient({ baseUrl, store });
    const requests = watchRequests();

    await Promise.all([api, other].map((one) => one.get('/v1/users/me')));

    expect(requests.filter((path) => path === '/v1/auth/refresh')).toHaveLength(1);
  });

  it('survives a refresh whose response is lost', async () => {
    const { api, store } = await signIn();
    await spoilToken(store);
    const requests = watchRequests({ loseFirst: '/v1/auth/refresh' });

    await api.get('/v1/users/me');
    await api.session.renew();

    expect(requests.filter((path) => path === '/v1/auth/refresh')).toHaveLength(3);
  });

  it('keeps the session when the server cannot be reached', async () => {
    const { api, store } = await signIn();
    await spoilToken(store);
    jest.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));

    await expect(api.get('/v1/users/me')).rejects.toThrow('fetch failed');
    jest.restoreAllMocks();

    expect(await api.get('/v1/users/me')).toMatchObject({ data: { id: expect.any(String) } });
  });

  it('forgets the tokens when the session was revoked, and reports it once', async () => {
    const { api, store } = await signIn();
    const tokens = await store.load();
    await new ApiClient({ baseUrl, store: { ...memoryStore(), load: () => tokens } }).session.signOut();
    const changed = jest.fn();
    api.session.watch(changed);

    const errors = await Promise.all([1, 2].map(() => failureOf(api.get('/v1/users/me'))));

    expect(errors).toMatchObject([{ status: 401 }, { status: 401 }]);
    expect(await store.load()).toBeUndefined();
    expect(await api.session.restore()).toBe(false);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('does not refresh when the password is wrong', async () => {
    const { user } = await createUser(app);
    const requests = watchRequests();

    const error = await failureOf(new ApiClient({ baseUrl }).session.signIn(user.email, 'a wrong password'));

    expect(error.code).toBe('INVALID_CREDENTIALS');
    expect(requests).toEqual(['/v1/auth/login']);
  });
});

describe('the requests of the TypeScript client', () => {
  it('reject with the code, the fields and the correlation id of the error', async () => {
    const { api } = await signIn();

    const error = await failureOf(api.patch('/v1/users/me', { body: { displayName: 'a\nb' } }));

    expect(error).toMatchObject({
      status: 422,
      code: 'VALIDATION_FAILED',
      details: [{ path: 'displayName' }],
      correlationId: expect.any(String),
    });
    expect(error.message).toContain(error.details[0]!.message);
  });

  it('page through a list, one page at a time', async () => {
    const { api } = await signIn({ role: 'admin' });
    const emails = [1, 2, 3, 4, 5].map((number) => `page-${number}@example.com`);
    for (const email of emails) await createUser(app, { email });
    const requests = watchRequests();
    const query = { email: 'page-', sort: 'email', limit: 2 } as const;

    const found: string[] = [];
    for await (const { email } of api.items('/v1/users', { params: { query } })) found.push(email);
    expect(found).toEqual(emails);
    expect(requests).toHaveLength(3);

    for await (const page of api.pages('/v1/users', { params: { query } })) {
      expect(page).toMatchObject({ data: [{}, {}], meta: { limit: 2 } });
      break;
    }
    expect(requests).toHaveLength(4);
  });

  it('upload an import and follow it to its end', async () => {
    const { api, store } = await signIn({ role: 'admin' });
    const lines = Array.from({ length: 300 }, (_, line) => `upload-${line}@example.com,Person ${line}\n`);
    await spoilToken(store);

    const job = await api.importUsers(new Blob(['email,displayName\n', ...lines, 'no email,Person\n']));
    const events = [];
    for await (const event of api.watchJob(job.id)) events.push(event);

    expect(events.at(-1)).toMatchObject({ event: 'end', data: { reason: 'completed' } });
    expect(events.at(-2)).toMatchObject({
      event: 'progress',
      data: { progress: 100, result: { imported: 300, failed: 1 } },
    });
    expect(Object.keys(await accountsOf(app, 'upload-'))).toHaveLength(300);
    const report = await api.get('/v1/jobs/{id}/result', {
      params: { path: { id: job.id } },
      parseAs: 'text',
    });
    expect(report).toContain('EMAIL_INVALID');
  });
});

describe('a stream of the TypeScript client', () => {
  it('connects again after a broken connection and misses nothing', async () => {
    const { api, user } = await signIn();
    const stop = new AbortController();
    const { promise: isOpen, resolve: open } = Promise.withResolvers<undefined>();
    const loadEarlier = async (): Promise<undefined> => open(undefined) ?? undefined;
    const seen: object[] = [];
    const following = (async () => {
      for await (const { event, data } of api.watchNotifications({ signal: stop.signal, loadEarlier }))
        if (event === 'notification') seen.push(data.data);
    })();
    await isOpen;
    await notify(app, user.id, { label: 'first' });
    await until(() => seen.length === 1, 'the first notification');

    app.api.getHttpServer().closeAllConnections();
    await notify(app, user.id, { label: 'second' });
    await until(() => seen.length === 2, 'the second notification');

    expect(seen).toMatchObject([{ jobType: 'first' }, { jobType: 'second' }]);
    stop.abort();
    await following;
  });

  it('rejects when the server rejects the request', async () => {
    const { api } = await signIn();

    const error = await failureOf(api.watchJob('01890a5d-ac96-774b-bcce-b302099a8057').next());

    expect(error.code).toBe('NOT_FOUND');
  });
});

describe('the README of the TypeScript client', () => {
  it('has an example that runs', async () => {
    await createUser(app, {
      email: 'admin@example.com',
      password: 'development-only-admin',
      role: 'admin',
    });
    const [, example = ''] = /^```ts\n(.*?)^```/ms.exec(readFileSync(`${CLIENT}/README.md`, 'utf8')) ?? [];
    const code = example.replace(/(?<=from ')[^']*-client(?=')/, `file://${CLIENT}/src/index.ts`);

    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '--eval', code],
      { env: { ...process.env, NODE_OPTIONS: '', API_URL: baseUrl } },
    );

    expect(stdout).toMatch(/^Signed in as admin@example.com\n/);
    expect(stdout).toMatch(/completed, 100 %\n.*(finished|ended|cancelled).*\n$/i);
  });
});

async function signIn(overrides: Partial<NewTestUser> = {}) {
  const { user } = await createUser(app, overrides);
  const store = sharedStore();
  const api = new ApiClient({ baseUrl, store });
  await api.session.signIn(user.email, DEFAULT_PASSWORD);
  return { api, store, user };
}

/** Makes the access token of the store invalid. Returns the tokens. */
async function spoilToken(store: TokenStore): Promise<Tokens> {
  const tokens = (await store.load())!;
  // The store and the client keep the same object.
  tokens.accessToken = `${tokens.accessToken.split('.').slice(0, 2).join('.')}.invalid`;
  return { ...tokens };
}

async function failureOf(request: Promise<unknown>): Promise<ProblemError> {
  const error = await request.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (!(error instanceof ProblemError)) throw new Error(`Expected a ProblemError, not ${String(error)}`);
  return error;
}

/** Records the path of each request. Can lose the response of the first request to a path. */
function watchRequests({ loseFirst = '' } = {}): string[] {
  const paths: string[] = [];
  const { fetch } = globalThis;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const { pathname } = new URL((input as Request).url);
    paths.push(pathname);
    const response = await fetch(input, init);
    const isFirst = paths.filter((path) => path === pathname).length === 1;
    if (pathname === loseFirst && isFirst) throw new TypeError('fetch failed');
    return response;
  });
  return paths;
}

/** A store for several clients, like a file with a lock. */
function sharedStore(): TokenStore {
  let last: Promise<unknown> = Promise.resolve();
  const lock = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  return { ...memoryStore(), lock };
}
