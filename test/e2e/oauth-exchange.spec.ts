import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newPerson } from '../factories/person.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import { everyProvider, type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import type { Person, ProviderName } from '../support/providers/person.ts';
import { visit } from '../support/providers/visit.ts';
import { times } from '../support/until.ts';

let oauth: OAuthApp;
let app: TestApp;
let person: Person;

beforeAll(async () => {
  oauth = await startOAuthApp();
  ({ app } = oauth);
});

beforeEach(() => {
  person = newPerson();
});

afterEach(() => oauth.providers.control.reset());

afterAll(() => oauth.stop());

const tokenInvalid = { status: 400, body: { code: 'TOKEN_INVALID' } };

/** Signs in up to the frontend. Returns the code to exchange. */
async function withCode(provider: ProviderName = 'github') {
  oauth.person(provider, person);
  const browser = new Browser(app);
  const code = (await browser.completeSignIn(provider)).searchParams.get('code')!;
  return { browser, code };
}

describe('POST /v1/auth/oauth/exchange', () => {
  it.each(everyProvider)('returns a token pair for a code from %s', async (provider) => {
    const { browser, code } = await withCode(provider);

    const answer = await browser.exchange(code);

    expect(answer.status).toBe(200);
    expect(answer.body.data).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      tokenType: 'Bearer',
      expiresIn: 600,
    });
    const { refreshToken } = answer.body.data;
    expect((await app.http().post('/v1/auth/refresh').send({ refreshToken })).status).toBe(200);
  });

  it('sets the refresh token as a cookie on request', async () => {
    const { browser, code } = await withCode();

    const answer = await browser.exchange(code, { refreshTokenIn: 'cookie' });

    expect(answer.body.data).not.toHaveProperty('refreshToken');
    expect(browser.cookies.get('__Host-refresh')).toMatchObject({ sameSite: 'strict' });
  });

  it('accepts a code once, also for parallel requests', async () => {
    const { browser, code } = await withCode();

    const answers = await Promise.all(times(10, () => browser.exchange(code)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(9);
    expect(
      await app.db.query('SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1', [
        person.email,
      ]),
    ).toHaveLength(1);
  });

  it('revokes a code that another browser sends', async () => {
    const { browser, code } = await withCode();
    const other = new Browser(app);
    await other.startSignIn('github');

    const answers = [await other.exchange(code), await browser.exchange(code)];

    for (const answer of answers) expect(answer).toMatchObject(tokenInvalid);
  });

  it('revokes a code that is sent without a cookie', async () => {
    const { browser, code } = await withCode();

    const answers = [await new Browser(app).exchange(code), await browser.exchange(code)];

    for (const answer of answers) expect(answer).toMatchObject(tokenInvalid);
  });

  it('rejects a code after a minute', async () => {
    const { browser, code } = await withCode();
    await app.db.query(`UPDATE oauth_codes SET expires_at = expires_at - interval '1 minute'`);

    expect(await browser.exchange(code)).toMatchObject(tokenInvalid);
  });

  it('rejects an invented code', async () => {
    const { browser } = await withCode();

    expect(await browser.exchange('made-up')).toMatchObject(tokenInvalid);
  });

  it.each([{}, { code: 1 }, { code: '' }, { code: 'a'.repeat(1_000) }, { code: 'a', more: 1 }])(
    'rejects the body %j',
    async (body) => {
      const answer = await app.http().post('/v1/auth/oauth/exchange').send(body);

      expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    },
  );

  it('rejects an account that was suspended after the sign-in', async () => {
    const { browser, code } = await withCode();
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE email = $1`, [person.email]);

    expect(await browser.exchange(code)).toMatchObject(tokenInvalid);
  });

  it('rejects the code after all sessions of the account were revoked', async () => {
    const { browser, code } = await withCode();
    const signedIn = await new Browser(app).signIn('github');
    await signedIn.post('/v1/auth/logout-all');

    expect(await browser.exchange(code)).toMatchObject(tokenInvalid);
  });

  it('stores only a hash of the code', async () => {
    const { code } = await withCode();

    expect(JSON.stringify(await app.db.query('SELECT * FROM oauth_codes'))).not.toContain(code);
  });

  it('lets several tabs of a browser sign in in parallel', async () => {
    oauth.person('github', person);
    const browser = new Browser(app);
    const begun = [await browser.startSignIn('github'), await browser.startSignIn('github')];

    const codes: (string | null)[] = [];
    for (const answer of begun) {
      const end = new URL(locationOf(await browser.sendCallback(await visit(locationOf(answer)))));
      codes.push(end.searchParams.get('code'));
    }

    const answers = await Promise.all(codes.map((code) => browser.exchange(code)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});
