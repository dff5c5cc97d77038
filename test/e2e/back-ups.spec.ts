import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type { Manifest } from '../../scripts/back-ups/manifest.ts';
import { UnrecoverableJobError, type JobContext } from '../../src/jobs/job-handler.ts';
import type { Job } from '../../src/jobs/job.entity.ts';
import { untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { BackUps, backUpFormats, RestoredSystem } from '../support/back-ups.ts';
import { failureOf } from '../support/project-copy.ts';
import {
  createScripted,
  door,
  scriptedHandlers,
  scriptedPatient,
  scriptedSingle,
  startScripted,
} from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

// Each drill builds the application, and starts it.
jest.setTimeout(120_000);
const inTenMinutes = () => new Date(Date.now() + 600_000);
const readManifest = (file: string): Manifest => JSON.parse(readFileSync(`${file}.json`, 'utf8'));

/** Commits jobs one after the other, until it is stopped. */
class Writer {
  readonly committed: { id: string; at: number }[] = [];
  private readonly finished: Promise<void>;
  private isStopped = false;

  constructor(start: () => Promise<Job>) {
    this.finished = this.write(start);
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return this.finished;
  }

  private async write(start: () => Promise<Job>): Promise<void> {
    while (!this.isStopped) {
      const { id } = await start();
      this.committed.push({ id, at: Date.now() });
    }
  }
}

describe.each(await backUpFormats())('a back-up in the format %s, while jobs are written', (format) => {
  const backUps = new BackUps();
  const { opened, open } = door();
  let app: TestApp;
  let restored: RestoredSystem;
  let isRestored = false;
  /** The job of each run that has ended. */
  const ran: string[] = [];

  /** Waits in the system that is backed up, and ends at once in the restored one. */
  const effect = async (ctx: JobContext) => {
    if (!isRestored) await opened;
    ran.push(ctx.job.id);
  };
  const fail = (error: Error) => async () => {
    throw error;
  };

  beforeAll(async () => {
    if (format === 'rows') backUps.fakeTool('pg_dump', 9);
    app = await TestApp.start({ worker: true, handlers: scriptedHandlers });
    restored = await RestoredSystem.prepare();
  });

  afterAll(async () => {
    open();
    await app.stop();
    await restored.drop();
    backUps.remove();
  });

  /** One job in each state. A worker runs one job of the type `scriptedSingle` at a time, so the others wait. */
  async function createJobs() {
    const completed = await startScripted(app, async (ctx) => void ran.push(ctx.job.id));
    const failed = await startScripted(app, fail(new UnrecoverableJobError('FAILED', 'Failed.')));
    const retried = await startScripted(app, fail(new Error('again')), { definition: scriptedPatient });
    const planned = await startScripted(app, effect, { availableAt: inTenMinutes() });
    const cancelled = await createScripted(app, effect, { status: 'cancelled', finishedAt: new Date() });
    const active = await startScripted(app, effect, { definition: scriptedSingle });
    await untilJob(app, active.id, 'active');
    const queued = await startScripted(app, effect, { definition: scriptedSingle });
    const undispatched = await createScripted(app, effect, { type: scriptedSingle.type });
    await untilJob(app, completed.id, 'completed');
    await untilJob(app, failed.id, 'failed');
    await until(async () => (await untilJob(app, retried.id, 'queued')).attempts === 1, 'the first attempt');
    return {
      pending: [active, queued, undispatched],
      resting: [completed, failed, retried, planned, cancelled],
    };
  }

  it('has everything that was committed before, and a worker with an empty Redis does each pending job once', async () => {
    const { pending, resting } = await createJobs();
    const file = backUps.file('first');
    const writer = new Writer(() => startScripted(app, effect, { definition: scriptedSingle }));
    await until(() => writer.committed.length > 20, 'jobs to be written');

    expect(failureOf(await backUps.backUp(app, file))).toBe('');
    const countAtEnd = writer.committed.length;
    await until(() => writer.committed.length > countAtEnd, 'a job after the back-up');
    await writer.stop();
    const drill = await backUps.restore(file, restored.url);

    expect(failureOf(drill)).toBe('');
    const { takenAt, format: written } = readManifest(file);
    const inBackUp = await restored.jobs();
    const ids = new Set(inBackUp.map(({ id }) => id));
    const before = writer.committed.filter(({ at }) => at < Date.parse(takenAt));
    expect(written).toBe(format);
    expect(before.length).toBeGreaterThan(20);
    expect(before.filter(({ id }) => !ids.has(id))).toEqual([]);
    expect(ids.size).toBeLessThan(writer.committed.length + pending.length + resting.length);
    expect(drill.output).toMatch(/Restored \d+ rows of \d+ tables, as many as the back-up has\./);
    expect(drill.output).toMatch(/\d+ queued, 1 interrupted/);
    expect(drill.output).toMatch(/RPO: the newest row is \d+\.\d s older than the back-up/);
    expect(drill.output).toMatch(/RTO: the API is ready \d+\.\d s after the start/);

    const restingBefore = await restored.jobs(resting);
    isRestored = true;
    await app.startWorker(restored.settings);
    const due = [...ids].filter((id) => !resting.some((job) => job.id === id));
    await restored.untilRow(
      `SELECT WHERE (SELECT count(*) FROM jobs WHERE status IN ('queued', 'active')) = 2`,
    );

    expect(ran.toSorted()).toEqual([resting[0]!.id, ...due].toSorted());
    expect(await restored.jobs(resting)).toEqual(restingBefore);
    expect(await restored.jobs(pending)).toEqual([
      expect.objectContaining({ status: 'completed', attempts: 1, stalls: 1 }),
      ...times(2, () => expect.objectContaining({ status: 'completed', attempts: 1, stalls: 0 })),
    ]);
  });
});

describe('bin/backup and bin/restore-drill', () => {
  const backUps = new BackUps();
  let app: TestApp;
  let restored: RestoredSystem;

  beforeAll(async () => {
    app = await TestApp.start();
    restored = await RestoredSystem.prepare();
  });

  afterAll(async () => {
    await app.stop();
    await restored.drop();
    backUps.remove();
  });

  it('write files that only their owner can read, and overwrite none', async () => {
    const file = backUps.file('mine');

    const first = await backUps.backUp(app, file);
    const second = await backUps.backUp(app, file);

    expect(failureOf(first)).toBe('');
    expect([file, `${file}.json`].map((one) => statSync(one).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(second).toEqual({ code: 1, output: `${file} exists. Choose another file.\n` });
  });

  it('write one of two back-ups to the same file, and end the other with an error', async () => {
    const file = backUps.file('contested');

    const results = await Promise.all([backUps.backUp(app, file), backUps.backUp(app, file)]);

    expect(results.filter(({ code }) => code === 0)).toHaveLength(1);
    expect(results.find(({ code }) => code === 1)?.output).toContain('exists. Choose another file.');
    expect(
      readdirSync(backUps.dir)
        .filter((name) => name.startsWith('contested'))
        .toSorted(),
    ).toEqual(['contested', 'contested.json']);
  });

  it('use pg_dump if it can read the server, with the snapshot of the row counts', async () => {
    backUps.fakeTool(
      'pg_dump',
      99,
      `for option; do case "$option" in --file=*) echo "$@" >"\${option#--file=}" ;; esac; done`,
    );
    const file = backUps.file('dumped');

    const { code } = await backUps.backUp(app, file);

    expect(code).toBe(0);
    expect(readManifest(file).format).toBe('pg_dump');
    expect(readFileSync(file, 'utf8')).toMatch(
      /--format=custom .*--exclude-schema=bullmq --snapshot=\S+ --file=\S+ --dbname=/,
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('leave no file if pg_dump fails', async () => {
    backUps.fakeTool('pg_dump', 99, 'exit 3');

    const { code, output } = await backUps.backUp(app, backUps.file('failed'));

    expect({ code, output }).toEqual({
      code: 1,
      output: 'pg_dump failed (exit code 3). See its error above.\n',
    });
    expect(readdirSync(backUps.dir).filter((name) => name.startsWith('failed'))).toEqual([]);
  });

  it('name the client to install for a back-up of pg_dump', async () => {
    const file = backUps.file('newer');
    backUps.fakeTool('pg_restore', 9);
    writeFileSync(file, '');
    writeFileSync(
      `${file}.json`,
      JSON.stringify({ format: 'pg_dump', postgresVersion: 18, migrations: [], rows: {} }),
    );

    const { code, output } = await backUps.restore(file, restored.url);

    expect({ code, output }).toEqual({
      code: 1,
      output: 'The back-up needs pg_restore 18 or newer. This is 9: install postgresql-client-18.\n',
    });
  });

  describe('with a back-up of rows', () => {
    const file = backUps.file('rows');

    beforeAll(async () => {
      backUps.fakeTool('pg_dump', 9);
      const failure = failureOf(await backUps.backUp(app, file));
      if (failure) throw new Error(failure);
    });

    const restoreChanged = async (name: string, change: (manifest: Manifest) => object) => {
      const copy = backUps.file(name);
      writeFileSync(copy, readFileSync(file));
      writeFileSync(`${copy}.json`, JSON.stringify(change(readManifest(file))));
      return backUps.restore(copy, restored.url);
    };

    it('reject a database that is not empty', async () => {
      const { code, output } = await backUps.restore(file, app.config.DATABASE_DIRECT_URL);

      expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('is not empty') });
    });

    it('reject a back-up without its manifest', async () => {
      const { code, output } = await backUps.restore(`${file}.json`, restored.url);

      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining('A back-up is two files'),
      });
    });

    it('reject a back-up of a newer release', async () => {
      const { code, output } = await restoreChanged('later', (manifest) => ({
        ...manifest,
        migrations: ['Later1'],
      }));

      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining("doesn't know: Later1"),
      });
    });

    it('report tables whose rows differ', async () => {
      const { code, output } = await restoreChanged('fewer', (manifest) => ({
        ...manifest,
        rows: { ...manifest.rows, users: 7 },
      }));

      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining('users: 7, restored 0'),
      });
    });

    it('report a damaged file, and restore none of it', async () => {
      const other = await RestoredSystem.prepare();
      truncateSync(file, statSync(file).size - 20);

      const { code, output } = await backUps.restore(file, other.url);

      expect({ code, output }).toMatchObject({
        code: 1,
        output: expect.stringContaining('is damaged or incomplete'),
      });
      expect(await other.jobs()).toEqual([]);
      await other.drop();
    });
  });
});
