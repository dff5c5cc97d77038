import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { DelayedError, type Job as QueueJob, type Worker } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Config } from '../platform/config/config.ts';
import { AppLogger } from '../platform/logging/logging.module.ts';
import { runInContext } from '../platform/logging/request-context.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';
import { type Claim, JobClaims } from './job-claims.service.ts';
import { type JobDefinition, pauseMs } from './job-definition.ts';
import { JOB_HANDLER, RescheduleJob, UnrecoverableJobError, type JobRunner } from './job-handler.ts';
import {
  InputInvalidError,
  JobCancelledError,
  LeaseLostError,
  publicError,
  WorkerStoppingError,
} from './job-outcomes.ts';
import type { JobRun } from './job-run.ts';
import type { Job } from './job.entity.ts';
import { retryUntilDatabaseAnswers } from './retry-until-database-answers.ts';
import { untilAborted } from './until-aborted.ts';

const STALLS_MAX = 5;
/** Of the shutdown deadline: runs that ignore their signal for longer are taken over by another worker. */
const STOP_GRACE_SECONDS = 3;
/** What a queue may take to let go of a worker that does nothing. */
const CLOSE_PATIENCE_MS = 2_000;
const IDLE_CHECK_MS = 100;
/** What the queue tolerates before it gives a job up itself; the ledger counts stalls, and gives up first. */
const QUEUE_STALLS_MAX = 1_000;

interface Handler {
  definition: JobDefinition;
  runner: JobRunner<unknown>;
}

/** Runs the handlers listed in worker.module.ts: one queue worker a job type, so that no type waits for another. */
@Injectable()
export class JobWorkerService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly workers: Worker[] = [];
  private readonly running = new Set<JobRun>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly runs: JobClaims,
    private readonly queues: QueueBackend,
    private readonly config: Config,
    private readonly logger: AppLogger,
    private readonly discovery: DiscoveryService,
  ) {}

  onApplicationBootstrap(): void {
    const lease = this.config.JOB_LEASE_SECONDS * 1_000;
    for (const handler of this.handlers()) {
      const { type, concurrency } = handler.definition;
      const tuning = {
        concurrency,
        lockDuration: lease,
        stalledInterval: lease / 2,
        maxStalledCount: QUEUE_STALLS_MAX,
      };
      this.workers.push(this.queues.worker(type, (job, token) => this.process(handler, job, token), tuning));
    }
  }

  /** Before anything that handlers use is closed: stops taking jobs, lets the running ones end, hands back the rest. */
  async onModuleDestroy(): Promise<void> {
    const patience = Math.max(0, this.config.SHUTDOWN_DEADLINE_SECONDS - STOP_GRACE_SECONDS) * 1_000;
    const interrupt = setTimeout(() => {
      this.stopping.abort();
      for (const run of this.running) run.stop(new WorkerStoppingError());
    }, patience);
    const closed = Promise.all(this.workers.map((worker) => worker.close()));
    const settled = new AbortController();
    await Promise.race([closed, this.untilIdle(settled.signal)]);
    settled.abort();
    clearTimeout(interrupt);
  }

  /** A queue that is down keeps its workers from closing; but once no run is left there is nothing to wait for. */
  private async untilIdle(signal: AbortSignal): Promise<void> {
    for (let idleSince = Date.now(); !signal.aborted && Date.now() - idleSince < CLOSE_PATIENCE_MS;) {
      await pause(IDLE_CHECK_MS, undefined, { signal }).catch(() => undefined);
      if (this.running.size > 0) idleSince = Date.now();
    }
  }

  private async process(handler: Handler, queueJob: QueueJob, token?: string): Promise<void> {
    const id = String(queueJob.id);
    const lease = randomUUID();
    const claim = await retryUntilDatabaseAnswers(() => this.runs.claim(id, lease), this.stopping.signal);
    if (!claim) return;
    const { job } = claim;
    const context = {
      correlationId: job.correlationId,
      jobId: id,
      ...(job.traceparent && { traceparent: job.traceparent }),
    };
    const retryAt = await runInContext(context, () => this.runOnce(handler, claim));
    if (!retryAt) return;
    await queueJob.moveToDelayed(retryAt.getTime(), token);
    throw new DelayedError();
  }

  /** Resolves to when the job is to be run again, if it is. */
  private async runOnce({ definition, runner }: Handler, claim: Claim): Promise<Date | undefined> {
    const { job } = claim;
    const logger = this.logger.child({ jobType: job.type, attempt: job.attempts });
    const run = this.runs.startRun(claim, definition, logger);
    this.running.add(run);
    const startedAt = Date.now();
    try {
      // Taken just before the interrupt, which has told the runs that there were.
      if (this.stopping.signal.aborted) throw new WorkerStoppingError();
      refuseHopeless(job);
      const input = parseInput(definition, job);
      const result = await untilAborted(runner.run(input, run), run.signal);
      if (!run.isComplete) await run.complete(result ? { result } : {});
      logger.info({ ms: Date.now() - startedAt }, 'Job completed');
      return undefined;
    } catch (error) {
      return await this.settle(run, definition, run.signal.aborted ? run.signal.reason : error);
    } finally {
      run.close();
      this.running.delete(run);
    }
  }

  /** Writes into the ledger what a run that didn't complete means for the job. */
  private async settle(run: JobRun, definition: JobDefinition, error: unknown): Promise<Date | undefined> {
    const { job, logger } = run;
    if (run.isComplete || error instanceof LeaseLostError) {
      logger.warn({ err: error }, 'This run no longer holds the job');
      return undefined;
    }
    if (error instanceof JobCancelledError) {
      await this.write(() => run.finish('cancelled', null));
      return undefined;
    }
    if (error instanceof WorkerStoppingError) {
      return this.write(() => run.requeue(new Date(), true));
    }
    if (error instanceof RescheduleJob) {
      return this.write(() => run.requeue(error.until, !error.isAttempt));
    }
    const isFinal = error instanceof UnrecoverableJobError || job.attempts >= definition.attempts;
    logger[isFinal ? 'error' : 'warn'](
      { err: error },
      isFinal ? 'Job failed' : 'A run failed; the job is tried again',
    );
    if (isFinal) {
      await this.write(() => run.finish('failed', publicError(error)));
      return undefined;
    }
    const retryAt = new Date(Date.now() + pauseMs(definition, job.attempts));
    return this.write(() => run.requeue(retryAt, false));
  }

  /** A run that failed because Postgres is away must not be taken for lost: its end is written once it is back. */
  private write<T>(work: () => Promise<T>): Promise<T> {
    return retryUntilDatabaseAnswers(work, this.stopping.signal);
  }

  private handlers(): Handler[] {
    return this.discovery.getProviders().flatMap(({ instance, metatype }): Handler[] => {
      const definition =
        metatype && (Reflect.getMetadata(JOB_HANDLER, metatype) as JobDefinition | undefined);
      return definition ? [{ definition, runner: instance as JobRunner<unknown> }] : [];
    });
  }
}

function refuseHopeless(job: Job): void {
  if (job.cancelRequestedAt) throw new JobCancelledError();
  if (job.stalls >= STALLS_MAX) {
    throw new UnrecoverableJobError(
      'WORKER_STALLED',
      `The worker was lost ${STALLS_MAX} times while this job ran.`,
    );
  }
}

function parseInput(definition: JobDefinition, job: Job): unknown {
  const parsed = definition.input.safeParse(job.input);
  if (!parsed.success) throw new InputInvalidError();
  return parsed.data;
}
