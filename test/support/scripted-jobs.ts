import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { defineJob } from '../../src/jobs/job-definition.ts';
import { type JobContext, JobHandler, type JobRunner } from '../../src/jobs/job-handler.ts';
import type { UniqueJobOptions } from '../../src/jobs/job-rows.ts';
import type { Job } from '../../src/jobs/job.entity.ts';
import { createJob, enqueue } from '../factories/job.factory.ts';
import type { TestApp } from './app.ts';

/** The handler of one test. */
type Script = (ctx: JobContext) => Promise<object | void>;

const input = z.strictObject({ script: z.string() });
const quickRetry = { attempts: 3, concurrency: 20, backoffSeconds: () => 0.05, startableByUsers: true };

export const scripted = defineJob({ type: 'test-scripted', input, ...quickRetry });
export const scriptedShort = defineJob({ type: 'test-short', input, ...quickRetry, timeoutSeconds: 0.3 });
export const scriptedOnePerUser = defineJob({
  type: 'test-one-per-user',
  input,
  ...quickRetry,
  concurrency: 2,
  onePerUser: true,
});
/** At most two jobs with the same key run at a time. */
export const scriptedKeyed = defineJob({ type: 'test-keyed', input, ...quickRetry, concurrencyPerKey: 2 });
/** Shares its keys with `scriptedKeyed`. */
export const scriptedKeyedToo = defineJob({
  type: 'test-keyed-too',
  input,
  ...quickRetry,
  concurrencyPerKey: 2,
});
/** A worker runs one at a time, so the others wait in the queue. */
export const scriptedSingle = defineJob({ type: 'test-single', input, ...quickRetry, concurrency: 1 });
/** The retry delay is long, so that a second run within a test is not a fast retry. */
export const scriptedPatient = defineJob({
  type: 'test-patient',
  input,
  ...quickRetry,
  backoffSeconds: () => 600,
});

const scripts = new Map<string, Script>();

class ScriptedRunner implements JobRunner<z.output<typeof input>> {
  run(given: z.output<typeof input>, ctx: JobContext): Promise<object | void> {
    const run = scripts.get(given.script);
    if (!run) throw new Error('This script belongs to another test file');
    return run(ctx);
  }
}

@JobHandler(scripted)
class ScriptedHandler extends ScriptedRunner {}
@JobHandler(scriptedShort)
class ScriptedShortHandler extends ScriptedRunner {}
@JobHandler(scriptedOnePerUser)
class ScriptedOnePerUserHandler extends ScriptedRunner {}
@JobHandler(scriptedKeyed)
class ScriptedKeyedHandler extends ScriptedRunner {}
@JobHandler(scriptedKeyedToo)
class ScriptedKeyedTooHandler extends ScriptedRunner {}
@JobHandler(scriptedSingle)
class ScriptedSingleHandler extends ScriptedRunner {}
@JobHandler(scriptedPatient)
class ScriptedPatientHandler extends ScriptedRunner {}

/** For `TestApp.start({ handlers })`. */
export const scriptedHandlers = [
  ScriptedHandler,
  ScriptedShortHandler,
  ScriptedOnePerUserHandler,
  ScriptedKeyedHandler,
  ScriptedKeyedTooHandler,
  ScriptedSingleHandler,
  ScriptedPatientHandler,
];

/** The input of a job that runs the function. */
export function script(run: Script): z.output<typeof input> {
  const name = randomUUID();
  scripts.set(name, run);
  return { script: name };
}

/** Starts a job that runs the function. */
export function startScripted(
  app: TestApp,
  run: Script,
  { definition = scripted, ...options }: UniqueJobOptions & { definition?: typeof scripted } = {},
): Promise<Job> {
  return enqueue(app, definition, script(run), options);
}

/** Inserts undispatched jobs, as after a crash between commit and dispatch. */
export const createScripted = (app: TestApp, run: Script, overrides: Partial<Job> = {}): Promise<Job> =>
  createJob(app, { type: scripted.type, input: script(run), ...overrides });

/** Stores the effects of scripts. A duplicate row is a repeated effect. */
export const createMarks = (app: TestApp) => app.db.query('CREATE TABLE marks (job_id uuid, text text)');

/** Completes the job and stores its mark in the same transaction. */
export const completeWithMark = (ctx: JobContext) =>
  ctx.complete({}, async (tx) => {
    await tx.query('INSERT INTO marks VALUES ($1)', [ctx.job.id]);
  });

/** Number of marks per job. */
export async function marksOf(app: TestApp, jobs: Job[]): Promise<number[]> {
  const rows = await app.db.query<{ id: string }[]>('SELECT job_id AS id FROM marks');
  const counts = Map.groupBy(rows, (row) => row.id);
  return jobs.map((job) => counts.get(job.id)?.length ?? 0);
}

/** Blocks scripts until the test opens it. */
export function door() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}
