import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { Config } from '../platform/config/config.ts';
import { JobHandOverService } from './job-hand-over.service.ts';

const BATCHES_MAX = 10;

/** Sweeps in every worker, by a plain timer: a schedule kept in the queue would be lost with the queue's data. */
@Injectable()
export class JobSweepService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('JobSweep');
  private readonly stopping = new AbortController();
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly handOver: JobHandOverService,
    private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    this.sweeping = this.sweepUntilStopped();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.sweeping;
  }

  private async sweepUntilStopped(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.sweepBatches();
      } catch (error) {
        this.logger.warn({ msg: 'A sweep failed and will be repeated', err: error });
      }
      await pause(this.config.SWEEP_SECONDS * 1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Thousands of rows in one go after the queue has lost its data, but never so many that the database feels it. */
  private async sweepBatches(): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX && !this.stopping.signal.aborted; batch += 1) {
      if (!(await this.handOver.sweep())) return;
    }
  }
}
