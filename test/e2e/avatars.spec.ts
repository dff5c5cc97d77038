import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserEraseHandler } from '../../src/users/personal-data/user-erase.handler.ts';
import { TestApp } from '../support/app.ts';
import { signedIn, type SignedIn } from '../support/client.ts';
import { times } from '../support/until.ts';
import { fetchFile, PNG, upload } from '../support/uploads.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

const withAvatar = async (user: SignedIn) => {
  const fileId = await upload(app, user);
  return { fileId, response: await user.put('/v1/users/me/avatar', { fileId }) };
};
const pathOf = (url: string) => new URL(url).pathname;
const stateOf = async (id: string) =>
  (await app.db.query<{ state: string }[]>('SELECT state FROM files WHERE id = $1', [id]))[0]?.state;

describe('PUT /v1/users/me/avatar', () => {
  it('gives the user an avatarUrl that leads to the image, without a token', async () => {
    const user = await signedIn(app);

    const { response, fileId } = await withAvatar(user);

    expect(response.status).toBe(200);
    const { avatarUrl } = response.body.data;
    expect(avatarUrl).toBe(`${app.config.PUBLIC_URL}/v1/users/avatars/${fileId}`);
    const redirect = await app.http().get(pathOf(avatarUrl as string));
    expect(redirect.status).toBe(302);
    expect(redirect.headers).toMatchObject({
      'cache-control': 'private, max-age=240',
      'cross-origin-resource-policy': 'cross-origin',
    });
    const image = await fetchFile(app, redirect.headers['location'] as string);
    expect(Buffer.from(await image.arrayBuffer())).toEqual(PNG);
    expect(Object.fromEntries(image.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': 'inline; filename="me.png"',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'cross-origin',
    });
  });

  it('returns 404, as DELETE does, when the account was deleted after the token was checked', async () => {
    const user = await signedIn(app);
    const fileId = await upload(app, user);
    await app.db.query('UPDATE users SET deleted_at = now() WHERE id = $1', [user.user.id]);

    const answers = [
      await user.put('/v1/users/me/avatar', { fileId }),
      await user.delete('/v1/users/me/avatar'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });

  it('replaces the earlier avatar, whose URL then returns 404', async () => {
    const user = await signedIn(app);
    const first = await withAvatar(user);

    const second = await withAvatar(user);

    expect(second.response.body.data.avatarUrl).not.toBe(first.response.body.data.avatarUrl);
    expect(await stateOf(first.fileId)).toBe('deleted');
    expect((await app.http().get(pathOf(first.response.body.data.avatarUrl as string))).status).toBe(404);
  });

  it('changes nothing when it is repeated', async () => {
    const user = await signedIn(app);
    const { fileId, response } = await withAvatar(user);

    const again = await user.put('/v1/users/me/avatar', { fileId });

    expect(again).toMatchObject({ status: 200, headers: { etag: response.headers['etag'] } });
    expect(await stateOf(fileId)).toBe('ready');
  });

  it('gives one of two parallel requests the file', async () => {
    const user = await signedIn(app);
    const files = [await upload(app, user), await upload(app, user)];

    const responses = await Promise.all(files.map((fileId) => user.put('/v1/users/me/avatar', { fileId })));

    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    const states = await Promise.all(files.map(stateOf));
    expect(new Set(states)).toEqual(new Set(['deleted', 'ready']));
  });

  it('rejects the file of another user, and a version that has changed', async () => {
    const [user, other] = [await signedIn(app), await signedIn(app)];
    const fileId = await upload(app, other);

    const foreign = await user.put('/v1/users/me/avatar', { fileId });
    const stale = await other.put('/v1/users/me/avatar', { fileId }).set('if-match', '"9"');

    expect(foreign).toMatchObject({ status: 409, body: { code: 'FILE_NOT_USABLE' } });
    expect(stale.status).toBe(412);
  });
});

describe('DELETE /v1/users/me/avatar', () => {
  it('removes the avatar, also a second time', async () => {
    const user = await signedIn(app);
    const { fileId } = await withAvatar(user);

    const statuses = [await user.delete('/v1/users/me/avatar'), await user.delete('/v1/users/me/avatar')];

    expect(statuses.map(({ status }) => status)).toEqual([204, 204]);
    expect((await user.get('/v1/users/me')).body.data.avatarUrl).toBeNull();
    expect(await stateOf(fileId)).toBe('deleted');
  });
});

describe('an avatar', () => {
  it('is in lists without a statement or a signature per user', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    await Promise.all(times(3, async () => withAvatar(await signedIn(app))));

    const { body } = await admin.get('/v1/users?limit=20');

    const urls = body.data.map(({ avatarUrl }: { avatarUrl: string | null }) => avatarUrl).filter(Boolean);
    expect(urls.length).toBeGreaterThanOrEqual(3);
  });

  it('is a field of the user in GraphQL', async () => {
    const user = await signedIn(app);
    const { response } = await withAvatar(user);

    const { body } = await user.post('/graphql', { query: '{ me { avatarUrl } }' });

    expect(body.data.me.avatarUrl).toBe(response.body.data.avatarUrl);
  });

  it('is deleted with the account', async () => {
    const user = await signedIn(app);
    const { fileId } = await withAvatar(user);

    expect((await user.delete('/v1/users/me')).status).toBe(204);

    expect(await stateOf(fileId)).toBe('deleted');
  });
});

describe('files of a deleted account', () => {
  it('lose their owner and name when the account is erased', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user, { name: 'private.png' });
    const worker = await app.startWorker();
    await user.delete('/v1/users/me');
    const { status } = await user.get('/v1/users/me');

    const job = { availableAt: new Date(0) };
    const complete = (_outcome: object, within: (tx: unknown) => Promise<void>) =>
      app.db.transaction((tx) => within(tx));
    await worker
      .get(UserEraseHandler, { strict: false })
      .run({ userId: user.user.id }, { job, complete, signal: new AbortController().signal } as never);

    expect(status).toBe(401);
    const rows = await app.db.query(`SELECT user_id, name, state FROM files WHERE id = $1`, [id]);
    expect([[], [{ user_id: null, name: '', state: 'deleted' }]]).toContainEqual(rows);
  });
});
