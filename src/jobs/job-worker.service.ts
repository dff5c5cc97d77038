import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { trace } from '@opentelemetry/api';
import { DelayedError, type Job as QueueJob, type Worker } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Config } from '../platform/config/config.ts';
import { AppLogger } from '../platform/logging/logging.module.ts';
import { runInContext } from '../platform/logging/request-context.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';
import { failSpan } from '../platform/tracing/tracing.ts';
import { jobContext } from './job-changes.service.ts';
import { type Claim, JobClaims } from './job-claims.service.ts';
import { type JobDefinition, JobTypes, pauseMs } from './job-definition.ts';
import { JOB_HANDLER, RescheduleJob, UnrecoverableJobError, type JobRunner } from './job-handler.ts';
import {
  InputInvalidError,
  JobCancelledError,
  type JobRun,
  LeaseLostError,
  publicError,
  retryUntilDatabaseAnswers,
  type RunOutcome,
  untilAborted,
  WorkerStoppingError,
} from './job-run.ts';
import { JobSlots } from './job-slots.service.ts';
import { startRunSpan } from './job-spans.ts';
import type { Job } from './job.entity.ts';

const STALLS_MAX = 5;
/** Part of the shutdown deadline for runs to stop after their signal. Another worker takes over those that don't. */
const STOP_GRACE_SECONDS = 3;
/** How long to wait for BullMQ to close an idle worker. */
const CLOSE_PATIENCE_MS = 2_000;
const IDLE_CHECK_MS = 100;

interface Handler {
  definition: JobDefinition;
  runner: JobRunner<unknown>;
}

type RunListener = (run: { type: string; outcome: RunOutcome; milliseconds: number }) => void;

/** Runs the handlers of all worker modules. Each job type has its own queue worker, so that no type waits for another. */
@Injectable()
export class JobWorkerService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly workers: Worker[] = [];
  private readonly running = new Set<JobRun>();
  private readonly stopping = new AbortController();
  private readonly runListeners: RunListener[] = [];
  private heartbeat?: NodeJS.Timeout;

  constructor(
    private readonly claims: JobClaims,
    private readonly slots: JobSlots,
    private readonly types: JobTypes,
    private readonly queues: QueueBackend,
    private readonly config: Config,
    private readonly logger: AppLogger,
    private readonly discovery: DiscoveryService,
  ) {}

  onRunEnd(listener: RunListener): void {
    this.runListeners.push(listener);
  }

  onApplicationBootstrap(): void {
    for (const handler of this.handlers()) {
      const { type, concurrency } = handler.definition;
      if (!this.types.find(type)) throw new Error(`The job type ${type} is not registered`);
      const process = (job: QueueJob, token?: string) => this.process(handler, job, token);
      const worker = this.queues.worker(type, process, concurrency);
      // BullMQ drops the entry without a log line. The sweep dispatches the job again.
      worker.on('failed', (entry, error) =>
        this.logger.warn({ jobId: entry?.id, jobType: type, err: error }, 'Job run ended without an outcome'),
      );
      this.workers.push(worker);
    }
    // Not one after the other: a connection that is stuck must not hold up the next heartbeat.
    this.heartbeat = setInterval(() => void this.renewLeases(), (this.config.JOB_LEASE_SECONDS * 1_000) / 5);
  }

  private async renewLeases(): Promise<void> {
    try {
      await this.claims.renew([...this.running]);
    } catch (error) {
      // The runs may continue while Postgres is down: they can write nothing without their leases.
      this.logger.warn({ err: error }, 'Heartbeat failed');
    }
  }

  /** Stops claiming jobs, waits for the running ones, and returns the rest to the queue. */
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
    clearInterval(this.heartbeat);
  }

  /** A queue that is down keeps its workers from closing. Without a run there is nothing to wait for. */
  private async untilIdle(signal: AbortSignal): Promise<void> {
    for (let idleSince = Date.now(); !signal.aborted && Date.now() - idleSince < CLOSE_PATIENCE_MS;) {
      await pause(IDLE_CHECK_MS, undefined, { signal }).catch(() => undefined);
      if (this.running.size > 0) idleSince = Date.now();
    }
  }

  private async process(handler: Handler, queueJob: QueueJob, token?: string): Promise<void> {
    const id = String(queueJob.id);
    const lease = randomUUID();
    const claim = await this.write(() => this.claims.claim(id, lease, handler.definition));
    if (!claim) return;
    const { job } = claim;
    const span = startRunSpan(job);
    const context = { ...jobContext(job), ...(span && { span }) };
    const retryAt = await runInContext(context, () => this.runOnce(handler, claim)).finally(() =>
      span?.end(),
    );
    if (retryAt) await delay(queueJob, retryAt, token);
  }

  /** Resolves to the time of the next run, if there is one. */
  private async runOnce({ definition, runner }: Handler, claim: Claim): Promise<Date | undefined> {
    const { job } = claim;
    const logger = this.logger.child({ jobType: job.type, attempt: job.attempts });
    const run = this.claims.startRun(claim, definition, logger);
    this.running.add(run);
    const startedAt = Date.now();
    try {
      // Claimed just before the interrupt, which stopped only the runs that existed then.
      if (this.stopping.signal.aborted) throw new WorkerStoppingError();
      assertRunnable(job);
      const input = parseInput(definition, job);
      const result = await untilAborted(runner.run(input, run), run.signal);
      if (run.outcome !== 'completed') await run.complete(result ? { result } : {});
      logger.info({ ms: Date.now() - startedAt }, 'Job completed');
      return undefined;
    } catch (error) {
      return await this.settle(run, definition, run.signal.aborted ? run.signal.reason : error);
    } finally {
      run.close();
      const ended = { type: job.type, outcome: run.outcome, milliseconds: Date.now() - startedAt };
      this.runListeners.forEach((listener) => listener(ended));
      this.running.delete(run);
      trace.getActiveSpan()?.setAttribute('app.job.outcome', run.outcome);
      await this.slots.grantFree(job.concurrencyKey);
    }
  }

  /** Writes the outcome of a run that did not complete. Resolves to the time of the next run, if there is one. */
  private async settle(run: JobRun, definition: JobDefinition, error: unknown): Promise<Date | undefined> {
    const { job, logger } = run;
    if (run.outcome === 'completed' || error instanceof LeaseLostError) {
      logger.warn({ err: error }, 'This run has lost its lease');
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
    failSpan(trace.getActiveSpan(), publicError(error).code);
    const isFinal = error instanceof UnrecoverableJobError || job.attempts >= definition.attempts;
    logger[isFinal ? 'error' : 'warn'](
      { err: error },
      isFinal ? 'Job failed' : 'Job run failed and will be retried',
    );
    if (isFinal) {
      await this.write(() => run.finish('failed', publicError(error)));
      return undefined;
    }
    const retryAt = new Date(Date.now() + pauseMs(definition, job.attempts));
    return this.write(() => run.requeue(retryAt, false));
  }

  /** Waits while Postgres is down, so that a finished run isn't taken for a stalled one. */
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

/** BullMQ keeps the entry and returns it at that time. It expects the error. */
async function delay(queueJob: QueueJob, until: Date, token: string | undefined): Promise<never> {
  await queueJob.moveToDelayed(until.getTime(), token);
  throw new DelayedError();
}

function assertRunnable(job: Job): void {
  if (job.cancelRequestedAt) throw new JobCancelledError();
  if (job.stalls >= STALLS_MAX) {
    throw new UnrecoverableJobError(
      'WORKER_STALLED',
      `The worker stopped responding ${STALLS_MAX} times while this job ran.`,
    );
  }
}

function parseInput(definition: JobDefinition, job: Job): unknown {
  const parsed = definition.input.safeParse(job.input);
  if (!parsed.success) throw new InputInvalidError();
  return parsed.data;
}
