import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomInt, randomUUID } from 'node:crypto';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';
import { times } from '../support/until.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$%&/()=?';
/** A letter and a combining accent: one character in NFC. */
const DECOMPOSED = [...'aeiou'].flatMap((letter) =>
  [...'\u0300\u0301\u0302'].map((accent) => letter + accent),
);

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('a new password', () => {
  it.each([
    ['12 characters', 'x7$ kQ9!mzP2'],
    ['128 characters', picked(128, [...LETTERS])],
    ['12 characters beyond the basic plane', '🦊🐢🦉🐝🦋🐙🦔🦜🐠🦕🐌🦩'],
    ['128 characters beyond the basic plane', picked(128, [...'🦊🐢🦉🐝🦋🐙🦔🦜🐠🦕🐌🦩'])],
    ['128 characters that were sent decomposed', picked(128, DECOMPOSED)],
    ['lower-case letters and spaces only', 'aaaa bbbb cccc dddd eeee'],
    ['spaces around it', '  surrounded by blanks  '],
  ])('may have %s', async (_name, password) => {
    const answer = await register(password);

    expect(answer.status).toBe(202);
  });

  it.each([
    ['11 characters', 'x7$ kQ9!mzP', 'TOO_SHORT'],
    ['11 characters that are 22 UTF-16 units', '🦊🐢🦉🐝🦋🐙🦔🦜🐠🦕🐌', 'TOO_SHORT'],
    ['11 characters that were 22 before their normal form', 'e\u0301'.repeat(11), 'TOO_SHORT'],
    ['129 characters', 'x'.repeat(129), 'TOO_LONG'],
    ['100 KB', 'x'.repeat(100_000), 'TOO_LONG'],
    ['a NUL', 'long enough \0 but', 'INVALID_TEXT'],
    ['a lone surrogate', 'long enough \ud83e but', 'INVALID_TEXT'],
    ['the name part of the email', 'my-Walter.White-password', 'CONTAINS_EMAIL'],
    ['a number', 123_456_789_012, 'INVALID_TYPE'],
  ])('is rejected with a reason for %s', async (_name, password, code) => {
    const answer = await register(password, 'walter.white@example.com');

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(answer.body.details).toEqual([{ path: 'password', code, message: expect.any(String) }]);
    expect(answer.text).not.toContain(String(password).slice(0, 20));
  });

  it('may contain a name part shorter than four characters', async () => {
    const answer = await register('not about bob at all', 'bob@example.com');

    expect(answer.status).toBe(202);
  });

  it('is compared in NFC', async () => {
    const email = `${randomUUID()}@example.com`;
    await register('un mot de passe tre\u0300s long', email);
    await confirm(email);

    const answer = await visitor(app).signIn(email, 'un mot de passe tr\u00e8s long');

    expect(answer.status).toBe(200);
  });

  it('is compared to its last character', async () => {
    const email = `${randomUUID()}@example.com`;
    const beginning = picked(100, [...LETTERS]);
    await register(`${beginning}1`, email);
    await confirm(email);

    const answers = await Promise.all([
      visitor(app).signIn(email, `${beginning}2`),
      visitor(app).signIn(email, `${beginning}1 `),
      visitor(app).signIn(email, `${beginning}1`),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 200]);
  });
});

/** Contains no pattern that counts as a common password. */
function picked(count: number, from: string[]): string {
  return times(count, () => from[randomInt(from.length)]).join('');
}

const register = (password: unknown, email = `${randomUUID()}@example.com`) =>
  app.http().post('/v1/auth/register').send({ email, password, displayName: 'New' });

const confirm = (email: string) =>
  app.db.query('UPDATE users SET email_verified_at = now() WHERE email = $1', [email]);
