import { Logger } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';

/** Repeats the work until it is stopped, with a pause after each run. A failed run is logged and doesn't stop it. */
export class IntervalTask {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private readonly logger: Logger;

  constructor(
    name: string,
    private readonly work: () => Promise<unknown>,
    private readonly pauseMs: number,
  ) {
    this.logger = new Logger(name);
  }

  get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  start(): void {
    this.running = this.repeat();
  }

  /** Resolves when the current run has ended. */
  stop(): Promise<void> {
    this.stopping.abort();
    return this.running;
  }

  private async repeat(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.work();
      } catch (error) {
        this.logger.warn({ msg: 'Interval task failed: retrying after the pause', err: error });
      }
      await pause(this.pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
