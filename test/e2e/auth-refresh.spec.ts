import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { makeRefreshToken } from '../../src/auth/sessions/refresh-token.ts';
import { MacService } from '../../src/platform/security/mac.service.ts';
import { TestApp } from '../support/app.ts';
import { login as signInAgain, type SignedIn, signedIn, visitor } from '../support/client.ts';
import { captureLogs } from '../support/logs.ts';
import { storedText } from '../support/stored-text.ts';
import { times } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('POST /v1/auth/refresh', () => {
  it('returns a new token pair for the same session', async () => {
    const user = await signedIn(app);

    const answer = await visitor(app).refresh(user.refreshToken);

    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
    const { accessToken, refreshToken, ...others } = answer.body.data;
    expect(others).toEqual({ tokenType: 'Bearer', expiresIn: 600 });
    expect(refreshToken).not.toBe(user.refreshToken);
    const [before, after] = [decodeJwt(user.accessToken), decodeJwt(accessToken)];
    expect(after).toMatchObject({ sub: before.sub, sid: before['sid'], auth_time: before['auth_time'] });
    expect(after.jti).not.toBe(before.jti);
    expect((await visitor(app).refresh(refreshToken)).status).toBe(200);
  });

  it('returns the same new token to parallel refreshes of one token', async () => {
    const { refreshToken, accessToken } = await signedIn(app);

    const answers = await Promise.all(times(50, () => visitor(app).refresh(refreshToken)));

    expect(answers.map((answer) => answer.status)).toEqual(times(50, () => 200));
    const successors = new Set(answers.map((answer) => answer.body.data.refreshToken));
    expect(successors.size).toBe(1);
    expect(await sessionOf(accessToken)).toMatchObject({ rotation_counter: 1, revoked_at: null });
    expect((await visitor(app).refresh([...successors][0])).status).toBe(200);
  });

  it('returns the same new token again within the grace period', async () => {
    const { refreshToken } = await signedIn(app);
    const lost = await visitor(app).refresh(refreshToken);

    const retried = await visitor(app).refresh(refreshToken);

    expect(retried.body.data.refreshToken).toBe(lost.body.data.refreshToken);
  });

  it('stores no refresh token and nothing that is enough to create one', async () => {
    const { refreshToken } = await signedIn(app);
    const { body } = await visitor(app).refresh(refreshToken);

    const stored = await storedText(app.db);

    for (const token of [refreshToken, body.data.refreshToken]) {
      const bytes = Buffer.from(token, 'base64url');
      expect(stored).not.toContain(token);
      expect(stored).not.toContain(bytes.subarray(-32).toString('hex'));
    }
    for (const secret of app.config.SECRET_KEYS) expect(stored).not.toContain(secret);
  });
});

describe('a reused refresh token', () => {
  it('revokes only its session after the grace period', async () => {
    const user = await signedIn(app);
    const elsewhere = await signInAgain(app, user.user.email, 'correct horse battery');
    const { body: successor } = await visitor(app).refresh(user.refreshToken);
    await age(user, 'rotated_at', '11 seconds');

    const reused = await visitor(app).refresh(user.refreshToken);

    expect(reused).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_REUSED' } });
    expect(await sessionOf(user.accessToken)).toMatchObject({ revoked_reason: 'reuse' });
    const { accessToken, refreshToken } = successor.data;
    expect(await visitor(app).refresh(refreshToken)).toMatchObject({
      status: 401,
      body: { code: 'REFRESH_TOKEN_INVALID' },
    });
    expect((await me(user.accessToken)).status).toBe(401);
    expect((await me(accessToken)).status).toBe(401);
    expect((await me(elsewhere.accessToken)).status).toBe(200);
    expect((await visitor(app).refresh(elsewhere.refreshToken)).status).toBe(200);
  });

  it('revokes the session within the grace period too if it is older than the previous token', async () => {
    const user = await signedIn(app);
    const first = await visitor(app).refresh(user.refreshToken);
    await visitor(app).refresh(first.body.data.refreshToken);

    const answer = await visitor(app).refresh(user.refreshToken);

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_REUSED' } });
    expect(await sessionOf(user.accessToken)).toMatchObject({ revoked_reason: 'reuse' });
  });

  it('is logged with its session id, without the token', async () => {
    const user = await signedIn(app);
    await visitor(app).refresh(user.refreshToken);
    await age(user, 'rotated_at', '11 seconds');
    const log = captureLogs(app.api);

    await visitor(app).refresh(user.refreshToken);

    const warnings = log.lines().filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({ sid: decodeJwt(user.accessToken)['sid'], userId: user.user.id });
    expect(log.text()).not.toContain(user.refreshToken);
  });

  it('needs a grace period of at least 1 s, so that parallel requests don’t count as reuse', async () => {
    const starting = TestApp.start({ settings: { REFRESH_GRACE_SECONDS: '0' } });

    await expect(starting).rejects.toThrow('REFRESH_GRACE_SECONDS');
  });
});

describe('a session', () => {
  it.each([
    ['is not refreshed for two weeks', 'last_used_at', '14 days 1 minute'],
    ['is older than thirty days, however often it was refreshed', 'expires_at', '30 days 1 minute'],
  ])('expires when it %s', async (_name, column, by) => {
    const user = await signedIn(app);
    await age(user, column, by);

    const answer = await visitor(app).refresh(user.refreshToken);

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(await sessionOf(user.accessToken)).toMatchObject({ rotation_counter: 0 });
  });

  it.each([
    ['within two weeks', 'last_used_at', '13 days 23 hours'],
    ['within thirty days', 'expires_at', '29 days 23 hours'],
  ])('continues when refreshed %s, without a later expiry', async (_name, column, by) => {
    const user = await signedIn(app);
    await age(user, column, by);
    const before = await sessionOf(user.accessToken);

    const answer = await visitor(app).refresh(user.refreshToken);

    expect(answer.status).toBe(200);
    const after = await sessionOf(user.accessToken);
    expect(after.expires_at).toEqual(before.expires_at);
    expect(after.last_used_at.getTime()).toBeGreaterThanOrEqual(before.last_used_at.getTime());
  });

  it('can’t be refreshed while its account is suspended', async () => {
    const user = await signedIn(app);
    await app.db.query(`UPDATE users SET status = 'suspended' WHERE id = $1`, [user.user.id]);

    const answer = await visitor(app).refresh(user.refreshToken);

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } });
    expect(await sessionOf(user.accessToken)).toMatchObject({ rotation_counter: 0 });
  });
});

describe('a forged refresh token', () => {
  const forgeries: Record<string, (token: Buffer, other: Buffer) => Buffer> = {
    'has another MAC': (token) => flip(token, token.length - 1),
    'claims another counter': (token) => flip(token, 19),
    'claims the session of another': (token, other) =>
      Buffer.concat([other.subarray(0, 16), token.subarray(16)]),
    'carries the MAC of another': (token, other) =>
      Buffer.concat([token.subarray(0, 20), other.subarray(20)]),
    'is of a session that never was': (token) => flip(token, 3),
    'is cut off': (token) => token.subarray(0, -1),
    'goes on': (token) => Buffer.concat([token, Buffer.from('x')]),
    'is empty of a MAC': (token) => Buffer.concat([token.subarray(0, 20), Buffer.alloc(32)]),
  };

  it.each(Object.entries(forgeries))('is rejected and revokes no session: it %s', async (_name, forge) => {
    const [user, other] = await Promise.all([signedIn(app), signedIn(app)]);
    const bytes = [user, other].map(({ refreshToken }) => Buffer.from(refreshToken, 'base64url'));

    const answer = await visitor(app).refresh(forge(bytes[0]!, bytes[1]!).toString('base64url'));

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } });
    for (const { refreshToken } of [user, other])
      expect((await visitor(app).refresh(refreshToken)).status).toBe(200);
  });

  it.each([
    ['padding', (token: string) => `${token}==`],
    ['blanks', (token: string) => ` ${token}`],
    ['another alphabet', (token: string) => Buffer.from(token, 'base64url').toString('base64')],
    ['a line break', (token: string) => `${token}\n`],
  ])('includes one in another spelling: with %s', async (_name, spell) => {
    const { refreshToken } = await signedIn(app);
    const spelled = spell(refreshToken);

    const answer = await visitor(app).refresh(spelled);

    // Some tokens are identical in both base64 alphabets.
    expect(answer.status).toBe(spelled === refreshToken ? 200 : 401);
  });

  it('is rejected if its counter is in the future', async () => {
    const user = await signedIn(app);
    const { id: sessionId, salt } = await sessionOf(user.accessToken);
    const early = makeRefreshToken({ sessionId, counter: 1 }, salt, app.api.get(MacService));

    const answer = await visitor(app).refresh(early);

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } });
    expect((await visitor(app).refresh(user.refreshToken)).status).toBe(200);
  });

  it('needs both the salt in the database and the secret', async () => {
    const user = await signedIn(app);
    const { id: sessionId, salt } = await sessionOf(user.accessToken);
    const otherSecret = new MacService({ SECRET_KEYS: [Buffer.alloc(32, 1).toString('base64')] } as never);

    const answers = await Promise.all([
      visitor(app).refresh(makeRefreshToken({ sessionId, counter: 0 }, salt, otherSecret)),
      visitor(app).refresh(
        makeRefreshToken({ sessionId, counter: 0 }, Buffer.alloc(32), app.api.get(MacService)),
      ),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(await sessionOf(user.accessToken)).toMatchObject({ revoked_at: null, rotation_counter: 0 });
  });

  it('is rejected if it is signed for another purpose', async () => {
    const { accessToken } = await signedIn(app);

    const answer = await visitor(app).refresh(accessToken.slice(0, 200));

    expect(answer).toMatchObject({ status: 401, body: { code: 'REFRESH_TOKEN_INVALID' } });
  });
});

const me = (accessToken: string) =>
  app.http().get('/v1/users/me').set('authorization', `Bearer ${accessToken}`);

async function sessionOf(accessToken: string) {
  const [row] = await app.db.query('SELECT * FROM sessions WHERE id = $1', [decodeJwt(accessToken)['sid']]);
  return row;
}

/** Moves a timestamp of the session into the past. */
const age = ({ accessToken }: SignedIn, column: string, by: string) =>
  app.db.query(`UPDATE sessions SET ${column} = ${column} - $2::interval WHERE id = $1`, [
    decodeJwt(accessToken)['sid'],
    by,
  ]);

function flip(bytes: Buffer, position: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[position] = flipped[position]! ^ 1;
  return flipped;
}
