import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { User } from '../../src/users/user.entity.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/keys.ts');
/** Every instance reads the folder every 2 s. A leaked key must be rejected within 5 s. */
const NOTICED_MS = 5_000;
const HOUR_SECONDS = 3_600;

let folder: string;
let app: TestApp;
let other: Program;
let user: SignedIn;
let another: User;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rotation-'));
  chmodSync(folder, 0o700);
  await keys('make');
  app = await TestApp.start({ settings: { JWT_KEYS_DIR: folder } });
  // The instance of this test never calls listen(), so it does not poll the folder.
  other = await app.startAnother();
  user = await signedIn(app);
  another = (await createUser(app)).user;
});

afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true });
});

describe('npm run keys', () => {
  it('activates the first key and lets only the folder owner read it', async () => {
    const { stdout } = await keys('list');

    expect(states()).toEqual(['active']);
    expect(stdout).toMatch(/^active +[\w-]{43} +3072 bit/);
  });

  it.each([
    ['activate', 'There is no next key'],
    ['retire', 'There is no retiring key'],
    ['rotate', 'Usage'],
    ['', 'Usage'],
  ])('rejects an invalid command: %s', async (command, reason) => {
    await expect(keys(command)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(reason) });
    expect(states()).toEqual(['active']);
  });
});

describe('a key rotation', () => {
  it('signs out no user, and publishes each key before and during its use', async () => {
    const before = await jwks();
    const watched = watch(user);

    await keys('make');
    const published = await untilJwks((kids) => kids.length === 2);
    await expect(keys('activate')).rejects.toMatchObject({
      stderr: expect.stringContaining('may not know the key yet'),
    });
    age();
    await keys('activate');
    const renewed = await until(async () => {
      const again = await loginAt(other);
      return kidOf(again) !== kidOf(user.accessToken) && again;
    }, 'the new key to sign');
    await expect(keys('retire')).rejects.toMatchObject({
      stderr: expect.stringContaining('may still be valid'),
    });
    expect((await atOther(user.accessToken)).status).toBe(200);
    expect(await watched.stop()).toEqual(new Set([200]));

    expect(published.keys.map(({ kid }) => kid)).toContain(kidOf(renewed));
    expect((await atOther(renewed)).status).toBe(200);
    // A client that has cached the keys since the new key was published can verify both tokens.
    const kept = createLocalJWKSet(published);
    await jwtVerify(user.accessToken, kept);
    await jwtVerify(renewed, kept);
    await expect(jwtVerify(renewed, createLocalJWKSet(before))).rejects.toThrow('no applicable key');
    expect(states()).toEqual(['active', 'retiring']);

    age();
    await keys('retire');
    await untilJwks((kids) => kids.length === 1);
    expect(states()).toEqual(['active']);
    expect((await atOther(renewed)).status).toBe(200);
  });
});

describe('a leaked key', () => {
  it('is rejected within seconds, and its users refresh their tokens', async () => {
    const { accessToken, refreshToken } = await until(async () => {
      const { body } = await app
        .http(other)
        .post('/v1/auth/login')
        .send({ email: another.email, password: 'correct horse battery' });
      return body.data as { accessToken: string; refreshToken: string };
    }, 'a sign-in');
    expect((await atOther(accessToken)).status).toBe(200);

    await keys('make');
    await keys('activate', '--force');
    await keys('retire', '--force');

    await until(
      async () => (await atOther(accessToken)).status === 401,
      'the key to be rejected',
      NOTICED_MS,
    );
    const answer = await app.http(other).post('/v1/auth/refresh').send({ refreshToken });
    expect(answer.status).toBe(200);
    expect((await atOther(answer.body.data.accessToken)).status).toBe(200);
    expect(kidOf(answer.body.data.accessToken)).not.toBe(kidOf(accessToken));
  });
});

const keys = (...args: string[]) =>
  promisify(execFile)(process.execPath, [SCRIPT, ...args], {
    env: { PATH: process.env.PATH, JWT_KEYS_DIR: folder },
  });

const states = () =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => name.split('-')[0])
    .toSorted((a = '', b = '') => a.localeCompare(b));

/** Moves the last state change of every key one hour into the past. */
function age(): void {
  const then = Date.now() / 1_000 - HOUR_SECONDS;
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), then, then);
}

const kidOf = (token: string): string => String(decodeProtectedHeader(token).kid);

const jwks = async (): Promise<{ keys: { kid: string }[] }> =>
  (await app.http(other).get('/.well-known/jwks.json')).body;

const untilJwks = (fits: (kids: string[]) => boolean) =>
  until(
    async () => {
      const ring = await jwks();
      return fits(ring.keys.map(({ kid }) => kid)) && ring;
    },
    'the key ring to be reloaded',
    NOTICED_MS,
  );

const atOther = (token: string) =>
  app.http(other).get('/v1/users/me').set('authorization', `Bearer ${token}`);

/** Signs in another user, so that the session limit does not revoke the observed session. */
async function loginAt(instance: Program): Promise<string> {
  const { body } = await app
    .http(instance)
    .post('/v1/auth/login')
    .send({ email: another.email, password: 'correct horse battery' });
  return body.data.accessToken;
}

/** Sends requests until it is stopped, then returns the response statuses. */
function watch({ accessToken }: SignedIn) {
  const seen = new Set<number>();
  const watching = new AbortController();
  const done = (async () => {
    while (!watching.signal.aborted) seen.add((await atOther(accessToken)).status);
  })();
  return {
    stop: async () => {
      watching.abort();
      await done;
      return seen;
    },
  };
}
