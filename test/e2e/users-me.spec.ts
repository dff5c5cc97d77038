import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

/** Values of a new account. */
const DEFAULTS = { locale: null, role: 'user', status: 'active', emailVerified: true, avatarUrl: null };

describe('GET /v1/users/me', () => {
  it('returns the caller’s profile without internal fields', async () => {
    const user = await signedIn(app, { displayName: 'Ada' });

    const answer = await user.get('/v1/users/me');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      data: {
        id: user.user.id,
        email: user.user.email,
        displayName: 'Ada',
        ...DEFAULTS,
        createdAt: user.user.createdAt.toISOString(),
        updatedAt: user.user.updatedAt.toISOString(),
      },
    });
    expect(answer.body.data.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('responds 304 when the client already has it', async () => {
    const user = await signedIn(app);
    const { etag } = (await user.get('/v1/users/me')).headers;

    const answers = await Promise.all(
      [etag, `W/${etag}`, `"other", ${etag}`, '*', '"other"'].map((tag) =>
        user.get('/v1/users/me').set('if-none-match', String(tag)),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual([304, 304, 304, 304, 200]);
    const [unchanged] = answers;
    expect(unchanged?.text).toBe('');
    expect(unchanged?.headers).toMatchObject({ etag });
    expect(unchanged?.headers).not.toHaveProperty('content-type');
  });
});

describe('PATCH /v1/users/me', () => {
  it('changes the name and the version', async () => {
    const user = await signedIn(app);
    const before = await user.get('/v1/users/me');

    const answer = await user.patch('/v1/users/me', { displayName: 'Grace' });

    expect(answer).toMatchObject({ status: 200, body: { data: { displayName: 'Grace' } } });
    expect(answer.headers['etag']).toMatch(/^"\w+"$/);
    expect(answer.headers['etag']).not.toBe(before.headers['etag']);
    const after = await user.get('/v1/users/me').set('if-none-match', String(before.headers['etag']));
    expect(after).toMatchObject({ status: 200, headers: { etag: answer.headers['etag'] } });
    expect(after.body).toEqual(answer.body);
  });

  it('changes the language of mails, and rejects one that is not supported', async () => {
    const user = await signedIn(app);

    const changed = await user.patch('/v1/users/me', { locale: 'de' });
    const rejected = await user.patch('/v1/users/me', { locale: 'xx' });

    expect(changed.body.data.locale).toBe('de');
    expect(rejected).toMatchObject({
      status: 422,
      body: { details: [{ path: 'locale', code: 'INVALID_VALUE' }] },
    });
  });

  it('changes the version that was read, and rejects an outdated one', async () => {
    const user = await signedIn(app);
    const { etag } = (await user.get('/v1/users/me')).headers;

    const first = await user.patch('/v1/users/me', { displayName: 'First' }).set('if-match', String(etag));
    const second = await user.patch('/v1/users/me', { displayName: 'Second' }).set('if-match', String(etag));

    expect(first.status).toBe(200);
    expect(second).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect((await user.get('/v1/users/me')).body.data.displayName).toBe('First');
  });

  it('accepts one of many parallel changes to one version', async () => {
    const user = await signedIn(app);
    const { etag } = (await user.get('/v1/users/me')).headers;

    const answers = await Promise.all(
      times(20, (index) =>
        user.patch('/v1/users/me', { displayName: `Name ${index}` }).set('if-match', String(etag)),
      ),
    );

    const { 200: won = [], 412: lost = [] } = Object.groupBy(answers, ({ status }) => status);
    expect([won.length, lost.length]).toEqual([1, 19]);
    expect((await user.get('/v1/users/me')).body).toEqual(won[0]?.body);
  });

  it.each([
    ['any version', '*', 200],
    ['the current tag, weakened by a proxy that compressed the response', 'W/"1"', 200],
    ['an invalid tag', 'one', 412],
    ['a tag that was never issued', '"999999999999"', 412],
  ])('handles %s as If-Match', async (_name, ifMatch, status) => {
    const user = await signedIn(app);

    const answer = await user.patch('/v1/users/me', { displayName: 'New' }).set('if-match', ifMatch);

    expect(answer.status).toBe(status);
  });

  it('does not change omitted fields', async () => {
    const user = await signedIn(app, { displayName: 'Ada' });

    const answer = await user.patch('/v1/users/me', {});

    expect(answer).toMatchObject({ status: 200, body: { data: { displayName: 'Ada' } } });
  });

  it.each([
    'id',
    'email',
    'role',
    'roles',
    'isAdmin',
    'status',
    'emailVerified',
    'emailVerifiedAt',
    'passwordHash',
    'password',
    'version',
    'createdAt',
    'constructor',
  ])('does not let users set their %s', async (field) => {
    const user = await signedIn(app);

    const answer = await user.patch('/v1/users/me', { displayName: 'New', [field]: 'admin' });

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(answer.body.details).toEqual([expect.objectContaining({ path: field, code: 'UNKNOWN_PROPERTY' })]);
    const [row] = await app.db.query('SELECT * FROM users WHERE id = $1', [user.user.id]);
    expect(row).toMatchObject({ role: 'user', display_name: 'Test User', version: 1 });
  });
});
