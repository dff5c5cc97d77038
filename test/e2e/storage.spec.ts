import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Storage } from '../../src/files/storage/storage.ts';
import { TestApp } from '../support/app.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { until } from '../support/until.ts';
import { fetchFile, keysIn, PNG, send } from '../support/uploads.ts';

const inAMinute = () => new Date(Date.now() + 60_000);
const png = { type: 'image/png', size: PNG.length };
const delivery = { type: 'image/png', disposition: 'attachment; filename="a b.png"' };

describe.each(['local', 's3'])('the %s storage', (kind) => {
  let app: TestApp;
  let s3: S3Server | undefined;
  let storage: Storage;

  beforeAll(async () => {
    if (kind === 's3') s3 = await S3Server.start();
    app = await TestApp.start({ settings: s3?.settings ?? { FILES_STORAGE: 'local' } });
    storage = app.api.get(Storage);
  });

  afterAll(async () => {
    await app.stop();
    await s3?.stop();
  });

  const stored = async (key = `uploads/${randomUUID()}`) => {
    const status = await send(app, await storage.signUpload(key, png, inAMinute()), PNG);
    expect(status).toBe(200);
    return key;
  };

  it('returns the bytes that were uploaded', async () => {
    const key = await stored();

    expect(await buffer((await storage.read(key))!)).toEqual(PNG);
  });

  it('accepts an upload twice, and keeps the second', async () => {
    const key = `uploads/${randomUUID()}`;
    const upload = await storage.signUpload(key, png, inAMinute());
    const second = Buffer.alloc(PNG.length, 1);

    const statuses = [await send(app, upload, PNG), await send(app, upload, second)];

    expect(statuses).toEqual([200, 200]);
    expect(await buffer((await storage.read(key))!)).toEqual(second);
  });

  it.each([
    ['more bytes', Buffer.concat([PNG, PNG]), {}],
    ['fewer bytes', PNG.subarray(1), {}],
    ['another type', PNG, { 'content-type': 'text/html' }],
  ])('rejects an upload of %s, and stores nothing', async (_what, bytes, headers) => {
    const key = `uploads/${randomUUID()}`;
    const upload = await storage.signUpload(key, png, inAMinute());

    expect(await send(app, upload, bytes, headers)).toBe(403);
    expect(await storage.read(key)).toBeUndefined();
  });

  it('rejects a changed URL: another key, method or expiry', async () => {
    const upload = await storage.signUpload(`uploads/${randomUUID()}`, png, inAMinute());
    const other = { ...upload, url: upload.url.replace(/uploads\/[^?]+/, `files/${randomUUID()}`) };
    const longer = { ...upload, url: upload.url.replace(/(expires=)(\d+)/i, '$19$2') };

    expect([await send(app, other, PNG), await send(app, longer, PNG)]).toEqual([403, 403]);
    expect((await fetchFile(app, upload.url)).status).toBe(403);
  });

  it('rejects an expired URL', async () => {
    const key = await stored();
    const url = await storage.signDownload(key, delivery, 1);

    const status = async () => (await fetchFile(app, url)).status;
    await until(async () => (await status()) === 403, 'the URL to expire');

    expect(await status()).toBe(403);
  });

  it('serves a download with the type and disposition of the URL', async () => {
    const url = await storage.signDownload(await stored(), delivery, 60);

    const response = await fetchFile(app, url);

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-disposition')).toBe(delivery.disposition);
    expect(response.headers.get('cache-control')).toMatch(/^private, max-age=(59|60)$/);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PNG);
  });

  it('copies an object, and says when there is none', async () => {
    const [from, to] = [await stored(), `files/${randomUUID()}`];

    expect(await storage.copy(from, to)).toBe(true);
    expect(await buffer((await storage.read(to))!)).toEqual(PNG);
    expect(await storage.copy(`uploads/${randomUUID()}`, to)).toBe(false);
  });

  it('removes an object, also a second time', async () => {
    const key = await stored();

    await storage.remove(key);
    await storage.remove(key);

    expect(await storage.read(key)).toBeUndefined();
  });

  it('lists objects by prefix, in order, after a key', async () => {
    const keys = ['a', 'b', 'c'].map((name) => `files/list-${name}`);
    for (const key of keys) await stored(key);
    await stored();

    const all = await storage.list('files/', 'files/list-', 3);
    const rest = await storage.list('files/', keys[0]!, 2);

    expect(all.map(({ key }) => key)).toEqual(keys);
    expect(rest.map(({ key }) => key)).toEqual(keys.slice(1));
    expect(all[0]!.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await keysIn(storage, 'files/')).toEqual(expect.arrayContaining(keys));
  });
});
