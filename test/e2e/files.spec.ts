import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { de as filesInGerman } from '../../src/files/files.de.ts';
import { FilesService } from '../../src/files/files.service.ts';
import { Storage } from '../../src/files/storage/storage.ts';
import { de as german } from '../../src/platform/i18n/platform.de.ts';
import { avatarPurpose } from '../../src/users/avatar/avatar.service.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { times } from '../support/until.ts';
import { declare, FAKE_PNG, fetchFile, keysIn, PNG, send, upload } from '../support/uploads.ts';

let s3: S3Server;
let app: TestApp;

beforeAll(async () => {
  s3 = await S3Server.start();
  app = await TestApp.start({ settings: { ...s3.settings, FILES_QUOTA_MIB: '3' } });
});

afterAll(async () => {
  await app.stop();
  await s3.stop();
});

const objectsOf = async (id: string) =>
  (await keysIn(app.api.get(Storage), 'uploads/', 'files/')).filter((key) => key.includes(id));

const stateOf = async (id: string) =>
  (await app.db.query<{ state: string }[]>('SELECT state FROM files WHERE id = $1', [id]))[0]?.state;

describe('POST /v1/files', () => {
  it('returns a pending file and the request that uploads it', async () => {
    const user = await signedIn(app);

    const { file, upload: request } = await declare(user);

    expect(file).toMatchObject({ purpose: 'avatar', name: 'me.png', state: 'pending', download: null });
    expect(request).toMatchObject({ method: 'PUT', headers: { 'content-type': 'image/png' } });
    expect(new URL(request.url).pathname).toBe(`/files-test/uploads/${file.id}`);
  });

  it.each([
    [{ purpose: 'unknown' }, 'purpose', 'UNKNOWN_PURPOSE', german.expectedOneOf(['avatar'])],
    [{ type: 'image/svg+xml' }, 'type', 'TYPE_NOT_ALLOWED', german.expectedOneOf(avatarPurpose.types)],
    [
      { size: avatarPurpose.maxBytes + 1 },
      'size',
      'FILE_TOO_LARGE',
      filesInGerman.tooLarge(avatarPurpose.maxBytes),
    ],
  ])('rejects what the purpose does not accept: %j', async (wrong, path, code, message) => {
    const user = await signedIn(app);
    const valid = { purpose: 'avatar', name: 'me.png', type: 'image/png', size: 70 };

    const response = await user.post('/v1/files', { ...valid, ...wrong }).set('accept-language', 'de');

    expect(response).toMatchObject({ status: 422, body: { details: [{ path, code, message }] } });
  });

  it('counts the declared sizes of parallel requests in the quota', async () => {
    const user = await signedIn(app);
    const body = { purpose: 'avatar', name: 'x.png', type: 'image/png', size: avatarPurpose.maxBytes };

    const responses = await Promise.all(times(4, () => user.post('/v1/files', body)));

    expect(responses.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 409)).toHaveLength(3);
    const rejected = responses.find(({ status }) => status === 409);
    expect(rejected?.body).toMatchObject({ code: 'FILE_QUOTA_EXCEEDED' });
  });
});

describe('POST /v1/files/{id}/complete', () => {
  it('makes the file ready, with its checksum and a download URL', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user, { name: 'Ünï "1".png' });
    await send(app, request, PNG);

    const response = await user.post(`/v1/files/${file.id}/complete`);

    expect(response).toMatchObject({ status: 200, body: { data: { state: 'ready', size: PNG.length } } });
    const [row] = await app.db.query(`SELECT sha256 FROM files WHERE id = $1`, [file.id]);
    expect(row.sha256).toEqual(createHash('sha256').update(PNG).digest());
    const { searchParams } = new URL(response.body.data.download.url as string);
    expect(searchParams.get('response-content-disposition')).toBe(
      `inline; filename="_n_ _1_.png"; filename*=UTF-8''%C3%9Cn%C3%AF%20%221%22.png`,
    );
    expect(await objectsOf(file.id)).toEqual([expect.stringMatching(/^files\//)]);
  });

  it('returns 409 before the upload, and works after it', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);

    const early = await user.post(`/v1/files/${file.id}/complete`);
    await send(app, request, PNG);
    const late = await user.post(`/v1/files/${file.id}/complete`);

    expect(early).toMatchObject({ status: 409, body: { code: 'FILE_NOT_UPLOADED' } });
    expect(late.status).toBe(200);
  });

  it('deletes a file whose content is not of its type', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, FAKE_PNG);

    const response = await user.post(`/v1/files/${file.id}/complete`);

    expect(response).toMatchObject({ status: 422, body: { code: 'FILE_CONTENT_INVALID' } });
    expect((await user.get(`/v1/files/${file.id}`)).status).toBe(404);
    expect(await objectsOf(file.id)).toEqual([`uploads/${file.id}`]);
    expect(await stateOf(file.id)).toBe('deleted');
  });

  it('leaves one object when it runs several times in parallel, and again later', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, PNG);

    const responses = await Promise.all(times(5, () => user.post(`/v1/files/${file.id}/complete`)));
    const again = await user.post(`/v1/files/${file.id}/complete`);

    expect([...responses, again].map(({ status }) => status)).toEqual(times(6, () => 200));
    expect(await objectsOf(file.id)).toHaveLength(1);
  });

  it('keeps the checked bytes when the client uploads others afterwards', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, PNG);
    await user.post(`/v1/files/${file.id}/complete`);

    expect(await send(app, request, FAKE_PNG)).toBe(200);
    await user.post(`/v1/files/${file.id}/complete`);

    const { body } = await user.get(`/v1/files/${file.id}`);
    const downloaded = await fetchFile(app, body.data.download.url as string);
    expect(Buffer.from(await downloaded.arrayBuffer())).toEqual(PNG);
  });

  it('continues after a crash between the copy and the database', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, PNG);
    await app.api.get(Storage).copy(`uploads/${file.id}`, `files/${file.id}.${randomUUID()}`);

    const response = await user.post(`/v1/files/${file.id}/complete`);

    expect(response.status).toBe(200);
  });

  it('returns 503 with Retry-After while the storage is down, and succeeds afterwards', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, PNG);

    s3.proxy.cut();
    const down = await user.post(`/v1/files/${file.id}/complete`);
    const others = [await user.get('/health/ready'), await user.post('/v1/files', { ...VALID })];
    s3.proxy.restore();
    const restored = await user.post(`/v1/files/${file.id}/complete`);

    expect(down).toMatchObject({ status: 503, body: { code: 'FILE_STORAGE_UNAVAILABLE' } });
    expect(down.headers['retry-after']).toMatch(/^\d+$/);
    expect(others.map(({ status }) => status)).toEqual([200, 201]);
    expect(restored.status).toBe(200);
  });

  it('repeats a request whose connection breaks', async () => {
    const user = await signedIn(app);
    const { file, upload: request } = await declare(user);
    await send(app, request, PNG);

    s3.proxy.delayMs = 50;
    const completing = user.post(`/v1/files/${file.id}/complete`).then((response) => response);
    s3.proxy.breakConnections();
    const { status } = await completing;
    s3.proxy.delayMs = 0;

    expect(status).toBe(200);
  });
});

const VALID = { purpose: 'avatar', name: 'me.png', type: 'image/png', size: PNG.length };

describe('DELETE /v1/files/{id}', () => {
  it('deletes an unused file, once', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user);

    const statuses = [await user.delete(`/v1/files/${id}`), await user.delete(`/v1/files/${id}`)];

    expect(statuses.map(({ status }) => status)).toEqual([204, 404]);
  });

  it('returns 409 for a file in use', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user);
    await app.db.transaction((tx) => app.api.get(FilesService).attach(id, avatarPurpose, user.user.id, tx));

    const response = await user.delete(`/v1/files/${id}`);

    expect(response).toMatchObject({ status: 409, body: { code: 'FILE_IN_USE' } });
  });
});
