import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { login, type SignedIn, signedIn, visitor } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'correct horse battery';
/** One second, plus half a second for busy machines. */
const PATIENCE_MS = 1_500;

let app: TestApp;
let admin: SignedIn;
let others: Program[];

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
  others = await Promise.all(times(4, () => app.startAnother()));
}, 60_000);

afterAll(() => app.stop());

describe('a session revoked on one of five instances', () => {
  it.each<[string, (user: SignedIn) => PromiseLike<{ status: number }>]>([
    ['by signing out', (user) => user.post('/v1/auth/logout')],
    ['with all others', (user) => user.post('/v1/auth/logout-all')],
    ['by a role change', (user) => admin.patch(`/v1/users/${user.user.id}`, { role: 'admin' })],
    ['by suspension', (user) => admin.patch(`/v1/users/${user.user.id}`, { status: 'suspended' })],
    ['with the account', (user) => user.delete('/v1/users/me')],
  ])('is rejected on each within a second: %s', async (_name, endSession) => {
    const user = await signedIn(app);
    expect(await statusesOf(user)).toEqual(times(5, () => 200));

    const ended = await endSession(user);

    expect(ended.status).toBeLessThan(300);
    expect((await user.get('/v1/users/me')).status).toBe(401);
    await untilRefusedEverywhere(user);
  });

  it('because of token reuse, is rejected on each within a second', async () => {
    const user = await signedIn(app);
    const { body } = await visitor(app).refresh(user.refreshToken);
    await visitor(app).refresh(body.data.refreshToken);

    expect((await visitor(app).refresh(user.refreshToken)).body.code).toBe('REFRESH_TOKEN_REUSED');

    await untilRefusedEverywhere(user);
  });

  it('because of the session limit, is rejected on each within a second', async () => {
    const user = await signedIn(app);
    expect(await statusesOf(user)).toEqual(times(5, () => 200));

    for (const _ of times(20, () => 0)) await login(app, user.user.email, PASSWORD);

    await untilRefusedEverywhere(user);
  });

  it('stays rejected on an instance that starts later or restarts', async () => {
    const [user, other] = [await signedIn(app), await signedIn(app)];
    await user.post('/v1/auth/logout');
    await others.pop()!.end('SIGKILL');

    const restarted = await app.startAnother();

    expect((await user.get('/v1/users/me', restarted)).status).toBe(401);
    expect((await other.get('/v1/users/me', restarted)).status).toBe(200);
  });
});

const statusesOf = async (user: SignedIn): Promise<number[]> => {
  const answers = await Promise.all([undefined, ...others].map((at) => user.get('/v1/users/me', at)));
  return answers.map(({ status }) => status);
};

const untilRefusedEverywhere = (user: SignedIn) =>
  until(
    async () => (await statusesOf(user)).every((status) => status === 401),
    'every instance to reject the token',
    PATIENCE_MS,
  );
