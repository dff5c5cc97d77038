import { Worker } from 'bullmq';

/** However far off the next job is: a connection that has died without a word must not make the worker deaf. */
const WAIT_MAX_SECONDS = 10;

/** A worker of one queue that can tell whether it still asks for work. */
export class QueueWorker extends Worker {
  private turnedAt = performance.now();
  private runs = 0;

  /** On PostgreSQL it would be an hour. */
  override get maximumBlockTimeout(): number {
    return WAIT_MAX_SECONDS;
  }

  /** For how long it has neither asked nor been busy with all that it may run at a time. */
  get silentMs(): number {
    return this.runs >= this.concurrency ? 0 : performance.now() - this.turnedAt;
  }

  override async processJob(...given: Parameters<Worker['processJob']>): ReturnType<Worker['processJob']> {
    this.runs += 1;
    try {
      return await super.processJob(...given);
    } finally {
      this.runs -= 1;
      this.turnedAt = performance.now();
    }
  }

  protected override async moveToActive(token: string, name?: string) {
    const job = await super.moveToActive(token, name);
    this.turnedAt = performance.now();
    return job;
  }
}
