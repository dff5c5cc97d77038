import { Worker } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longest wait for a job. Polling this often wakes a worker whose connection has failed silently. */
const WAIT_MAX_SECONDS = 10;

/**
 * BullMQ's worker with three additions that its public API doesn't offer: it reports when it last polled, it polls at
 * least every WAIT_MAX_SECONDS on PostgreSQL too, and it waits after an error. The overridden members are pinned by
 * queue-worker.spec.ts, because an upgrade may rename them.
 */
export class QueueWorker extends Worker {
  private polledAt = performance.now();
  private runningJobs = 0;

  /** An hour by default on PostgreSQL. */
  override get maximumBlockTimeout(): number {
    return WAIT_MAX_SECONDS;
  }

  /** How long this worker has neither polled nor been at full concurrency. */
  get msWithoutPoll(): number {
    return this.runningJobs >= this.concurrency ? 0 : performance.now() - this.polledAt;
  }

  override async processJob(...args: Parameters<Worker['processJob']>): ReturnType<Worker['processJob']> {
    this.runningJobs += 1;
    try {
      return await super.processJob(...args);
    } finally {
      this.runningJobs -= 1;
      this.polledAt = performance.now();
    }
  }

  protected override async moveToActive(token: string, name?: string) {
    try {
      const job = await super.moveToActive(token, name);
      this.polledAt = performance.now();
      return job;
    } catch (error) {
      // BullMQ polls again at once after an error response of Redis, and would use a whole CPU core.
      await this.waitUnlessClosing(this.opts.runRetryDelay ?? 0);
      throw error;
    }
  }

  private async waitUnlessClosing(ms: number): Promise<void> {
    const closing = new AbortController();
    const abort = () => closing.abort();
    this.once('closing', abort);
    if (!this.closing) await sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);
    this.off('closing', abort);
  }
}
