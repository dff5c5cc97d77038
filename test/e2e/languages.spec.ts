import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ModulesContainer } from '@nestjs/core';
import { AuditEventTypes } from '../../src/audit/audit-event-types.ts';
import { de as authTexts, problems as authProblems } from '../../src/auth/auth.de.ts';
import { JobTypes } from '../../src/jobs/job-definition.ts';
import { LOCALES } from '../../src/platform/i18n/locales.ts';
import { de as platformTexts, problems } from '../../src/platform/i18n/platform.de.ts';
import { listProblems } from '../../src/platform/openapi/endpoints.ts';
import { Roles } from '../../src/platform/security/permissions.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';

const OTHERS = LOCALES.filter((locale) => locale !== 'en');

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

const get = (path: string, language: string) => app.http().get(path).set('accept-language', language);

describe('an error', () => {
  it('has a title and a detail in the language of the client, and the same code', async () => {
    const english = await get('/v1/users/me', 'en');
    const german = await get('/v1/users/me', 'fr, de-AT;q=0.8, en;q=0.2');

    expect(german.body).toMatchObject({ code: 'UNAUTHENTICATED', ...problems.UNAUTHENTICATED });
    expect(german.headers).toMatchObject({
      'content-language': 'de',
      vary: expect.stringContaining('Accept-Language'),
    });
    expect(english.body).toMatchObject({ code: 'UNAUTHENTICATED', title: 'Authentication required' });
    expect(english.headers['content-language']).toBe('en');
  });

  it('is in the default language for a client that asks for none, or for one that does not exist', async () => {
    expect((await app.http().get('/v1/users/me')).headers['content-language']).toBe('en');
    expect((await get('/v1/users/me', 'xx')).headers['content-language']).toBe('en');
  });

  it('from the body parser, the router or a service is translated too', async () => {
    const post = (body: string) =>
      app
        .http()
        .post('/v1/auth/login')
        .set({ 'content-type': 'application/json', 'accept-language': 'de' })
        .send(body);

    const answers = await Promise.all([
      post('{'),
      post(JSON.stringify({ email: 'unknown@example.com', password: 'wrong password' })),
      get('/nothing', 'de'),
      get('/%zz', 'de'),
    ]);

    const titles = answers.map(({ body, headers }) => [body.title, headers['content-language']]);
    expect(titles).toEqual(
      [
        problems.MALFORMED_JSON,
        authProblems.INVALID_CREDENTIALS,
        problems.NOT_FOUND,
        problems.MALFORMED_REQUEST,
      ].map(({ title }) => [title, 'de']),
    );
  });

  it('of validation has translated messages, of Zod and of our own checks', async () => {
    const body = { email: 'x', password: 'short', displayName: 'a\nb', other: 1 };

    const answer = await app.http().post('/v1/auth/register').set('accept-language', 'de').send(body);
    const english = await app.http().post('/v1/auth/register').send(body);

    const codes = (details: { code: string }[]) => details.map(({ code }) => code);
    const messages = answer.body.details.map(({ message }: { message: string }) => message);
    expect(codes(answer.body.details)).toEqual(codes(english.body.details));
    expect(messages).toContain(authTexts.passwords.tooShort(12));
    expect(messages.filter((message: string) => english.text.includes(message))).toEqual([]);
  });

  it('lists the allowed values in the language of the client', async () => {
    const admin = await signedIn(app, { role: 'admin' });

    const answers = await Promise.all(
      [
        admin.post('/v1/jobs/redrive', { type: 'unknown' }),
        admin.patch(`/v1/users/${admin.user.id}`, { role: 'unknown' }),
        admin.get('/v1/audit-events?type=unknown'),
      ].map((request) => request.set('accept-language', 'de')),
    );

    expect(answers.map(({ body }) => body.details[0].message)).toEqual(
      [JobTypes, Roles, AuditEventTypes].map((registry) =>
        platformTexts.expectedOneOf(app.api.get(registry).keys().toSorted()),
      ),
    );
  });
});

describe('GET /problems', () => {
  it('lists the errors in the language of the client', async () => {
    const { body, headers } = await get('/problems', 'de');
    const one = await get('/problems/NOT_FOUND', 'de');

    expect(headers['content-language']).toBe('de');
    expect(body.data).toContainEqual({ code: 'NOT_FOUND', status: 404, ...problems.NOT_FOUND });
    expect(one.body.data).toMatchObject(problems.NOT_FOUND);
  });
});

describe('the texts', () => {
  it.each(OTHERS)('of all errors are translated to %s', (locale) => {
    const missing = listProblems(app.api.get(ModulesContainer))
      .filter(({ translations }) => !translations?.[locale])
      .map(({ code }) => `${code}: define it with problemsIn(), as docs/guides/add-a-language.md shows`);

    expect(missing).toEqual([]);
  });
});
