import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { fileOrphansRemove, hourlyFileOrphansRemove } from '../../src/files/files.jobs.ts';
import { FilesService } from '../../src/files/files.service.ts';
import { Storage } from '../../src/files/storage/storage.ts';
import type { Job } from '../../src/jobs/job.entity.ts';
import { ScheduleRunner } from '../../src/schedules/schedule-runner.service.ts';
import { avatarPurpose } from '../../src/users/avatar/avatar.service.ts';
import { enqueue, jobRow, untilJob, untilJobsFinished } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { times, until } from '../support/until.ts';
import { declare, keysIn, PNG, send, upload } from '../support/uploads.ts';

let s3: S3Server;
let app: TestApp;
let storage: Storage;

beforeAll(async () => {
  s3 = await S3Server.start();
  app = await TestApp.start({ worker: true, settings: s3.settings });
  storage = app.api.get(Storage);
});

afterAll(async () => {
  await app.stop();
  await s3.stop();
});

const put = async (key: string) => {
  const content = { type: 'image/png', size: PNG.length };
  await send(app, await storage.signUpload(key, content, new Date(Date.now() + 60_000)), PNG);
};
const attached = async (user: SignedIn) => {
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
const removeOrphans = async (): Promise<Job> => {
  const { id } = await enqueue(app, fileOrphansRemove, {});
  return untilJob(app, id, 'completed', 'failed');
};
/** Makes all files and objects two days old. */
const age = async () => {
  s3.age();
  await app.db.query(`UPDATE files SET created_at = created_at - interval '2 days'`);
};

describe('a deleted file', () => {
  it('is removed at once: its object and its row', async () => {
    const user = await signedIn(app);
    const [deleted, kept] = [await upload(app, user), await attached(user)];

    await user.delete(`/v1/files/${deleted}`);
    await untilJobsFinished(app);

    expect(await idsInDatabase([deleted, kept])).toEqual([kept]);
    expect([await isStored(deleted), await isStored(kept)]).toEqual([false, true]);
  });

  it('keeps its row while the storage is down, and is removed afterwards', async () => {
    const user = await signedIn(app);
    const id = await upload(app, user);

    s3.proxy.cut();
    await user.delete(`/v1/files/${id}`);
    const { id: jobId } = await until(
      async () => (await app.db.query(`SELECT id FROM jobs WHERE input ->> 'fileId' = $1`, [id]))[0],
      'the job',
    );
    await until(async () => (await jobRow(app, jobId)).attempts > 0, 'a failed run');
    const during = await idsInDatabase([id]);
    s3.proxy.restore();
    await untilJob(app, jobId, 'completed');

    expect(during).toEqual([id]);
    expect(await idsInDatabase([id])).toEqual([]);
    expect(await isStored(id)).toBe(false);
  });

  it('is not removed if the deletion rolls back', async () => {
    const id = await attached(await signedIn(app));

    const rolledBack = app.db.transaction(async (tx) => {
      await app.api.get(FilesService).release(id, tx);
      throw new Error('rolled back');
    });

    await expect(rolledBack).rejects.toThrow('rolled back');
    await untilJobsFinished(app);
    expect(await isStored(id)).toBe(true);
  });
});

describe('the hourly job of files', () => {
  it('removes uploads that were not completed and files that nothing uses, after a day', async () => {
    const user = await signedIn(app);
    const { file: pending, upload: request } = await declare(user);
    await send(app, request, PNG);
    const [unused, used] = [await upload(app, user), await attached(user)];
    const ids = [pending.id, unused, used];

    await removeOrphans();
    const early = await idsInDatabase(ids);
    await age();
    await removeOrphans();

    expect(early).toHaveLength(3);
    expect(await idsInDatabase(ids)).toEqual([used]);
    expect(await Promise.all(ids.map(isStored))).toEqual([false, false, true]);
  });

  it('removes deleted files that have no job, such as those of deleted accounts', async () => {
    const id = await attached(await signedIn(app));
    await app.db.query(`UPDATE files SET state = 'deleted', user_id = NULL WHERE id = $1`, [id]);

    const { result } = await removeOrphans();

    expect(result).toMatchObject({ files: 1 });
    expect([await idsInDatabase([id]), await isStored(id)]).toEqual([[], false]);
  });

  it('removes objects without a file after a day, such as copies of a crashed check', async () => {
    const user = await signedIn(app);
    const used = await attached(user);
    const [orphan, lateUpload] = [randomUUID(), randomUUID()];
    await put(`files/${orphan}.${randomUUID()}`);
    await put(`uploads/${lateUpload}`);
    const ids = [used, orphan, lateUpload];

    await removeOrphans();
    const early = await Promise.all(ids.map(isStored));
    await age();
    await removeOrphans();

    expect(early).toEqual([true, true, true]);
    expect(await Promise.all(ids.map(isStored))).toEqual([true, false, false]);
  });

  it('removes each file once when several workers run it in parallel', async () => {
    const ids = await Promise.all(times(5, async () => attached(await signedIn(app))));
    await app.db.query(`UPDATE files SET state = 'deleted' WHERE id = ANY($1)`, [ids]);
    await app.startWorker();

    const jobs = await Promise.all(times(4, () => removeOrphans()));

    expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual(jobs.map(() => ['completed', 1]));
    expect(await idsInDatabase(ids)).toEqual([]);
  });

  it('fails and removes nothing when most objects are unknown, as in the bucket of another database', async () => {
    const orphans = times(25, () => randomUUID());
    for (const id of orphans) await put(`files/${id}.${randomUUID()}`);
    s3.age();

    const job = await removeOrphans();

    expect(job).toMatchObject({ status: 'failed', errorCode: 'FILE_STORAGE_UNKNOWN' });
    expect(await Promise.all(orphans.map(isStored))).toEqual(orphans.map(() => true));
    for (const key of await keysIn(storage, 'files/')) await storage.remove(key);
  });

  it('is started by its schedule', async () => {
    await app.db.query(`UPDATE schedules SET paused_at = NULL, handled_until = now() - interval '2 hours'
                        WHERE name = '${hourlyFileOrphansRemove.name}'`);

    await app.workers[0]!.get(ScheduleRunner).startDueJobs();

    const [{ id }] = await app.db.query(
      `SELECT last_job_id AS id FROM schedules WHERE name = '${hourlyFileOrphansRemove.name}'`,
    );
    expect(await untilJob(app, id, 'completed')).toMatchObject({ type: fileOrphansRemove.type });
  });
});
