import { randomUUID } from 'node:crypto';
import { createJob } from '../../factories/job.factory.ts';
import type { TestApp } from '../../support/app.ts';
import type { SignedIn } from '../../support/client.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

export const queuedJob: Thing = (app, owner) => jobOf(app, owner, 'queued');
export const failedJob: Thing = (app, owner) => jobOf(app, owner, 'failed');

const finishedExport: Thing = async (app, owner) => {
  const id = await jobOf(app, owner, 'completed');
  await app.db.query(
    `WITH file AS (INSERT INTO job_files (id, name, media_type) VALUES ($2, 'x.csv', 'text/csv') RETURNING id)
     UPDATE jobs SET result_file_id = (SELECT id FROM file) WHERE id = $1`,
    [id, randomUUID()],
  );
  return id;
};

const jobOf = async (app: TestApp, { user }: SignedIn, status: 'queued' | 'failed' | 'completed') =>
  (await createJob(app, { userId: user.id, status, type: 'of-no-handler' })).id;

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  startJob: rule([401, 202, 202, 202], { body: { type: 'user-export', input: {} } }),
  listJobs: rule([401, 200, 200, 200]),
  getJob: rule([401, 404, 200, 200], { of: queuedJob, permission: 'jobs:read', without: 404 }),
  cancelJob: rule([401, 404, 200, 200], { of: queuedJob, permission: 'jobs:manage' }),
  retryJob: rule([401, 404, 202, 202], { of: failedJob, permission: 'jobs:manage' }),
  retryFailedJobs: rule([401, 403, 403, 202], { body: { type: 'user-export' }, permission: 'jobs:manage' }),
  listQueues: rule([401, 403, 403, 200], { permission: 'queues:manage' }),
  // No job type has the name in the path.
  pauseQueue: rule([401, 403, 403, 404], { permission: 'queues:manage' }),
  resumeQueue: rule([401, 403, 403, 404], { permission: 'queues:manage' }),
  downloadJobResult: rule([401, 404, 200, 200], { of: finishedExport, permission: 'jobs:download' }),
  // A failed job, because the stream ends when the job has ended.
  watchJob: rule([401, 404, 200, 200], { of: failedJob, permission: 'jobs:read', without: 404 }),
};
