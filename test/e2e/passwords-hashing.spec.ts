import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
/** OWASP Password Storage cheat sheet: argon2id, 19 MiB, t=2, p=1. */
const CURRENT = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/;

let app: TestApp;
let instance: Program;

beforeAll(async () => {
  app = await TestApp.start({
    settings: { PASSWORD_HASH_MEMORY_KIB: '19456', PASSWORD_HASH_PASSES: '2' },
  });
  instance = await app.startAnother();
});

afterAll(() => app.stop());

describe('the hash of a password', () => {
  it('is argon2id with a unique salt', async () => {
    const emails = times(2, () => `${randomUUID()}@example.com`);

    for (const email of emails)
      await app.http().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'New' });

    const [first, second] = await Promise.all(emails.map(hashOf));
    expect(first).toMatch(CURRENT);
    expect(second).toMatch(CURRENT);
    expect(first).not.toBe(second);
  });

  it.each([
    ['less memory', { memoryCost: 8_192, timeCost: 2, parallelism: 1 }],
    ['fewer passes', { memoryCost: 19_456, timeCost: 1, parallelism: 1 }],
  ])('of %s is renewed at the next sign-in, once', async (_name, parameters) => {
    const email = await userWith(await hash(PASSWORD, parameters));

    expect((await visitor(app).signIn(email)).status).toBe(200);
    const renewed = await hashOf(email);
    expect((await visitor(app).signIn(email)).status).toBe(200);

    expect(renewed).toMatch(CURRENT);
    expect(await hashOf(email)).toBe(renewed);
  });

  it('is not renewed by a wrong password', async () => {
    const weak = await hash(PASSWORD, { memoryCost: 8_192, timeCost: 2, parallelism: 1 });
    const email = await userWith(weak);

    expect((await visitor(app).signIn(email, 'a wrong password')).status).toBe(401);

    expect(await hashOf(email)).toBe(weak);
  });

  it('is renewed by parallel sign-ins, which all succeed', async () => {
    const email = await userWith(await hash(PASSWORD, { memoryCost: 8, timeCost: 1, parallelism: 1 }));

    const answers = await Promise.all(times(8, () => visitor(app).signIn(email)));

    expect(answers.map(({ status }) => status)).toEqual(times(8, () => 200));
    expect(await hashOf(email)).toMatch(CURRENT);
  });
});

describe('three hundred parallel sign-ins', () => {
  it('keep the API responsive and its memory bounded', async () => {
    const emails = await Promise.all(times(300, async () => userWith(null)));
    await signInAt(emails[0]!);
    const before = residentBytes(instance);

    let answered = 0;
    const answers = emails.map((email) =>
      signInAt(email).then((answer) => {
        answered += 1;
        return answer;
      }),
    );
    const peeks: { live: number; waiting: number }[] = [];
    await until(async () => {
      const { status } = await app.http(instance).get('/health/live');
      peeks.push({ live: status, waiting: emails.length - answered });
      return answered === emails.length;
    }, 'all sign-ins to be answered');
    const statuses = (await Promise.all(answers)).map(({ status }) => status);

    // These accounts have no password. A dummy hash is verified instead: the work is the same.
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(new Set(peeks.map(({ live }) => live))).toEqual(new Set([200]));
    // Liveness responses arrived between the sign-in responses, not after the last one.
    expect(peeks.filter(({ waiting }) => waiting > 0).length).toBeGreaterThan(10);
    // Three hundred hashes together would take 5.7 GiB, and two take 38 MiB.
    expect(residentBytes(instance) - before).toBeLessThan(250 * 1024 * 1024);
  });

  it('get 503 with Retry-After once the queue is full', async () => {
    const emails = times(700, () => `${randomUUID()}@example.com`);

    const answers = await Promise.all(emails.map(signInAt));

    const byStatus = Map.groupBy(answers, ({ status }) => status);
    expect(new Set(byStatus.keys())).toEqual(new Set([401, 503]));
    for (const { headers, body } of byStatus.get(503)!) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(body.code).toBe('UNAVAILABLE');
    }
    expect((await signInAt(emails[0]!)).status).toBe(401);
  });
});

const signInAt = (email: string) =>
  app.http(instance).post('/v1/auth/login').send({ email, password: PASSWORD });

async function userWith(passwordHash: string | null): Promise<string> {
  const { user } = await createUser(app);
  await app.db.query('UPDATE users SET password_hash = $2 WHERE id = $1', [user.id, passwordHash]);
  return user.email;
}

async function hashOf(email: string): Promise<string> {
  const [{ password_hash: found }] = await app.db.query('SELECT password_hash FROM users WHERE email = $1', [
    email,
  ]);
  return found;
}

const residentBytes = ({ process: { pid } }: Program): number =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
