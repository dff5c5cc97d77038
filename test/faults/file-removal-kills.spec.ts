import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PoolClient } from 'pg';
import { S3Server } from '../support/s3/s3-server.ts';
import { type JobRow, System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { PNG } from '../support/uploads.ts';
import { recordOutcome } from './outcomes.ts';

const SCHEDULE = 'hourly-file-orphans-remove';
const FILES = 5;

let s3: S3Server;
let system: System;

beforeAll(async () => {
  s3 = await S3Server.start();
  system = await System.start({ backend: 'postgres', settings: s3.settings });
}, 60_000);

afterAll(async () => {
  await system.stop();
  await s3.stop();
});

const rowsOf = async <Row extends object>(sql: string): Promise<Row[]> =>
  (await system.db.query<Row>(sql)).rows;

const jobsOfSchedule = () => rowsOf<JobRow>(`SELECT * FROM jobs WHERE type = 'file-orphans-remove'`);

/** Makes the schedule miss a run, so that a worker starts one at its next tick. */
async function makeDue(): Promise<void> {
  await until(
    async () => (await rowsOf(`SELECT FROM schedules WHERE name = '${SCHEDULE}'`)).length > 0,
    'the row of the schedule',
  );
  await system.db.query(`UPDATE schedules SET handled_until = now() - interval '2 hours'`);
}

async function locked<T>(sql: string, work: (release: () => Promise<void>) => Promise<T>): Promise<T> {
  const client: PoolClient = await system.db.connect();
  try {
    await client.query('BEGIN');
    await client.query(sql);
    return await work(async () => void (await client.query('ROLLBACK')));
  } finally {
    client.release(true);
  }
}

const untilWaiting = (statement: string) =>
  until(
    async () =>
      (
        await rowsOf(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '${statement}%'`,
        )
      ).length > 0,
    `a worker to wait in ${statement}`,
  );

async function storeFile(): Promise<string> {
  const json = async (path: string, body?: object) => {
    const response = await system.request('POST', path, body && JSON.stringify(body));
    return ((await response.json()) as { data: { file: { id: string }; upload: { url: string } } }).data;
  };
  const type = 'image/png';
  const { file, upload } = await json('/v1/files', { purpose: 'avatar', name: 'a', type, size: PNG.length });
  await fetch(upload.url, { method: 'PUT', headers: { 'content-type': type }, body: new Uint8Array(PNG) });
  await json(`/v1/files/${file.id}/complete`);
  return file.id;
}

describe('the hourly job of files', () => {
  it('loses nothing when its worker is killed between the objects and their rows', async () => {
    await system.startApi();
    const ids = await Promise.all(times(FILES, storeFile));
    await system.db.query(`UPDATE files SET state = 'deleted'`);
    const worker = await system.startWorker();

    // Locks the rows, so that the worker is killed after it has removed the objects.
    await locked(`SELECT FROM files FOR UPDATE`, async (release) => {
      await makeDue();
      await untilWaiting('DELETE FROM "files"');
      expect(s3.keys()).toEqual([]);
      await worker.end('SIGKILL');
      await release();
    });
    const rows = await rowsOf<{ id: string }>(`SELECT id FROM files`);
    const other = await system.startWorker();
    const job = await system.untilStatus((await jobsOfSchedule())[0]!.id, 'completed', 'failed');

    expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(job).toMatchObject({ status: 'completed', attempts: 1, stalls: 1, result: { files: FILES } });
    expect(await rowsOf(`SELECT FROM files`)).toEqual([]);
    recordOutcome({
      area: 'Workers',
      fault: 'kill −9 between the removal of objects from the file storage and of their rows',
      promise: 'the rows stay, and another worker removes them',
      operations: `${FILES} files`,
      lost: 0,
      doubled: 0,
      measured: '1 attempt, 1 stall',
    });
    await other.end('SIGKILL');
  }, 60_000);
});

describe('a scheduled run', () => {
  it('starts once when its worker is killed after it has claimed the run', async () => {
    await system.db.query(`DELETE FROM jobs`);
    const [worker, other] = [await system.startWorker(), await system.startWorker()];
    await until(async () => {
      other.process.kill('SIGSTOP');
      const open = await rowsOf(`SELECT FROM pg_stat_activity WHERE state = 'idle in transaction'`);
      if (open.length > 0) other.process.kill('SIGCONT');
      return open.length === 0;
    }, 'the other worker to stop outside of a transaction');

    // Locks the jobs, so that the worker is killed after its claim.
    await locked('LOCK TABLE jobs IN SHARE MODE', async (release) => {
      await makeDue();
      await untilWaiting('UPDATE jobs SET unique_until');
      await worker.end('SIGKILL');
      other.process.kill('SIGCONT');
      await release();
    });
    const [job] = await until(async () => {
      const jobs = await jobsOfSchedule();
      return jobs.length > 0 && jobs;
    }, 'the job');
    await system.untilStatus(job!.id, 'completed', 'failed');
    const jobs = await jobsOfSchedule();

    expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual([['completed', 1]]);
    expect(await rowsOf(`SELECT last_job_id FROM schedules WHERE name = '${SCHEDULE}'`)).toEqual([
      { last_job_id: job!.id },
    ]);
    recordOutcome({
      area: 'Workers',
      fault: 'kill −9 of the worker that has claimed a scheduled run for the file storage',
      promise: 'the run starts once',
      operations: '1 run',
      lost: 0,
      doubled: jobs.length - 1,
      measured: '1 job, 1 attempt',
    });
  }, 60_000);
});
