import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { FileCleanup } from '../../src/files/file-cleanup.service.ts';
import { FilesService } from '../../src/files/files.service.ts';
import { Storage } from '../../src/files/storage/storage.ts';
import { avatarPurpose } from '../../src/users/avatar/avatar.service.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { times, until } from '../support/until.ts';
import { declare, keysIn, PNG, send, upload } from '../support/uploads.ts';

let s3: S3Server;
let app: TestApp;
let storage: Storage;
let cleanup: FileCleanup;

const TWO_DAYS_MS = 2 * 24 * 60 * 60_000;

beforeAll(async () => {
  s3 = await S3Server.start();
  app = await TestApp.start({ settings: s3.settings });
  storage = app.api.get(Storage);
  // Not the one of a worker, which also runs on its own.
  cleanup = new FileCleanup(app.api.get(DataSource), storage);
});

afterAll(async () => {
  await app.stop();
  await s3.stop();
});

const inTwoDays = () => Date.now() + TWO_DAYS_MS;
const put = async (key: string) => {
  const content = { type: 'image/png', size: PNG.length };
  await send(app, await storage.signUpload(key, content, new Date(Date.now() + 60_000)), PNG);
};
const attached = async (user: Awaited<ReturnType<typeof signedIn>>) => {
  const id = await upload(app, user);
  await app.db.transaction((tx) => app.api.get(FilesService).attach(id, avatarPurpose, user.user.id, tx));
  return id;
};
const idsInDatabase = async (ids: string[]) =>
  (await app.db.query<{ id: string }[]>(`SELECT id FROM files WHERE id = ANY($1)`, [ids])).map(
    ({ id }) => id,
  );
const isStored = async (id: string) =>
  (await keysIn(storage, 'uploads/', 'files/')).some((key) => key.includes(id));

describe('the clean-up of files', () => {
  it('removes the object and the row of a deleted file', async () => {
    const user = await signedIn(app);
    const [deleted, kept] = [await upload(app, user), await upload(app, user)];
    await user.delete(`/v1/files/${deleted}`);

    await cleanup.cleanUp();

    expect(await idsInDatabase([deleted, kept])).toEqual([kept]);
    expect([await isStored(deleted), await isStored(kept)]).toEqual([false, true]);
  });

  it('removes uploads that were not completed and files that nothing uses, after a day', async () => {
    const user = await signedIn(app);
    const { file: pending, upload: request } = await declare(user);
    await send(app, request, PNG);
    const [unused, used] = [await upload(app, user), await attached(user)];
    const ids = [pending.id, unused, used];

    await cleanup.cleanUp();
    const early = await idsInDatabase(ids);
    await cleanup.cleanUp(inTwoDays());

    expect(early).toHaveLength(3);
    expect(await idsInDatabase(ids)).toEqual([used]);
    expect(await Promise.all(ids.map(isStored))).toEqual([false, false, true]);
  });

  it('removes objects without a file after a day, such as copies of a crashed check', async () => {
    const user = await signedIn(app);
    const used = await attached(user);
    const [orphan, lateUpload] = [randomUUID(), randomUUID()];
    await put(`files/${orphan}.${randomUUID()}`);
    await put(`uploads/${lateUpload}`);
    const ids = [used, orphan, lateUpload];

    await cleanup.cleanUp();
    const early = await Promise.all(ids.map(isStored));
    await cleanup.cleanUp(inTwoDays());

    expect(early).toEqual([true, true, true]);
    expect(await Promise.all(ids.map(isStored))).toEqual([true, false, false]);
  });

  it('removes nothing when most objects are unknown, as with the bucket of another database', async () => {
    const orphans = times(25, () => randomUUID());
    for (const id of orphans) await put(`files/${id}.${randomUUID()}`);

    await cleanup.cleanUp(inTwoDays());

    expect(await Promise.all(orphans.map(isStored))).toEqual(orphans.map(() => true));
    for (const key of await keysIn(storage, 'files/')) await storage.remove(key);
  });

  it('keeps the row while the storage is down, and continues afterwards', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user);
    await user.delete(`/v1/files/${id}`);

    s3.proxy.cut();
    await expect(cleanup.cleanUp()).rejects.toMatchObject({ name: 'FILE_STORAGE_UNAVAILABLE' });
    s3.proxy.restore();
    const during = await idsInDatabase([id]);
    await cleanup.cleanUp();

    expect(during).toEqual([id]);
    expect(await idsInDatabase([id])).toEqual([]);
  });

  it('runs in the worker', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user);
    await user.delete(`/v1/files/${id}`);

    await app.startWorker();

    await until(async () => (await idsInDatabase([id])).length === 0, 'the worker to delete the file');

    expect(await isStored(id)).toBe(false);
  });
});
