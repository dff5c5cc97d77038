import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { currentContext, type RequestContext, runInContext } from '../platform/logging/request-context.ts';
import { Batcher } from '../platform/process/batcher.ts';
import { JobChanges, jobContext } from './job-changes.service.ts';
import type { Job } from './job.entity.ts';

const BATCH_MAX = 100;

interface Completion {
  job: Job;
  lease: string;
  result: object | undefined;
}

interface CompletionOfRun extends Completion {
  context: RequestContext;
}

/**
 * Completes jobs that have no user and whose handler writes nothing else with the outcome. Jobs that end at about the
 * same time share one transaction, because statements and commit would be most of the cost of a short job.
 */
@Injectable()
export class JobCompletions {
  private readonly batches = new Batcher(
    (completions: CompletionOfRun[]) => this.completeAll(completions),
    BATCH_MAX,
  );

  constructor(
    private readonly db: DataSource,
    private readonly changes: JobChanges,
  ) {}

  /** Resolves to false if the run has lost its lease. */
  complete(completion: Completion): Promise<boolean> {
    const context = currentContext() ?? jobContext(completion.job);
    return this.batches.call({ ...completion, context });
  }

  private completeAll(completions: CompletionOfRun[]): Promise<boolean[]> {
    return this.db.transaction(async (tx) => {
      const [rows] = await tx.query<[Partial<Job>[], number]>(
        `UPDATE jobs SET status = 'completed', progress = 100, result = completion.result, result_file_id = NULL,
           error_code = NULL, error_message = NULL, finished_at = now(), lease = NULL
         FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[]) AS completion (id, lease, result)
         WHERE jobs.id = completion.id AND jobs.lease = completion.lease AND status = 'active'
         RETURNING jobs.id, status, progress, error_code AS "errorCode", error_message AS "errorMessage",
           finished_at AS "finishedAt"`,
        [
          completions.map(({ job }) => job.id),
          completions.map(({ lease }) => lease),
          completions.map(({ result }) => result && JSON.stringify(result)),
        ],
      );
      const completed = new Map(rows.map((row) => [row.id, row]));
      for (const { job, context } of completions) {
        const row = completed.get(job.id);
        // Listeners may start jobs, which continue the trace of this one.
        if (row) await runInContext(context, () => this.changes.emitEnds([{ ...job, ...row }], tx));
      }
      return completions.map(({ job }) => completed.has(job.id));
    });
  }
}
