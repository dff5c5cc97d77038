import { randomUUID, randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { JobDefinition } from '../../src/jobs/job-definition.ts';
import type { UniqueJobOptions } from '../../src/jobs/job-rows.ts';
import { Job } from '../../src/jobs/job.entity.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import type { TestApp } from '../support/app.ts';
import { until } from '../support/until.ts';

/** A job row that was never dispatched to the queue, and is old enough for the sweep. */
export async function createJob(app: TestApp, overrides: Partial<Job> = {}): Promise<Job> {
  const jobs = app.db.getRepository(Job);
  const minuteAgo = new Date(Date.now() - 60_000);
  const job = jobs.create({
    id: randomUUIDv7(),
    type: 'of-no-handler',
    status: 'queued',
    input: {},
    correlationId: randomUUID(),
    availableAt: minuteAgo,
    createdAt: minuteAgo,
    ...overrides,
  });
  await jobs.insert(job as object);
  return jobs.findOneByOrFail({ id: job.id });
}

/** Starts a job as a service does, in the transaction of its cause. */
export function enqueue<Input>(
  app: TestApp,
  definition: JobDefinition<Input>,
  input: Input,
  { tx, ...options }: UniqueJobOptions & { tx?: EntityManager } = {},
): Promise<Job> {
  const start = (manager: EntityManager) =>
    app.api.get(JobsService).enqueue(definition, input, options, manager);
  return tx ? start(tx) : app.db.transaction(start);
}

export const jobRow = (app: TestApp, id: string): Promise<Job> =>
  app.db.getRepository(Job).findOneByOrFail({ id });

/** Waits until the job has one of the statuses. Returns its row. */
export function untilJob(app: TestApp, id: string, ...statuses: Job['status'][]): Promise<Job> {
  return until(
    async () => {
      const job = await jobRow(app, id);
      return statuses.includes(job.status) && job;
    },
    `job ${id} to be ${statuses.join(' or ')}`,
  );
}

/** Waits until no job is queued or active. */
export const untilJobsFinished = (app: TestApp) =>
  until(async () => {
    const unfinished = await app.db.query(`SELECT 1 FROM jobs WHERE status IN ('queued', 'active') LIMIT 1`);
    return unfinished.length === 0;
  }, 'all jobs to finish');
