import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../platform/config/config.ts';
import { Periodic } from '../platform/shutdown/periodic.ts';
import { JobHandOverService } from './job-hand-over.service.ts';

const BATCHES_MAX = 10;

/** Sweeps in every worker, by a plain timer: a schedule kept in the queue would be lost with the queue's data. */
@Injectable()
export class JobSweepService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly rounds: Periodic;

  constructor(
    private readonly handOver: JobHandOverService,
    config: Config,
  ) {
    this.rounds = new Periodic('JobSweep', () => this.sweep(), config.SWEEP_SECONDS * 1_000);
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.rounds.stop();
  }

  /** Thousands of rows in one go after the queue has lost its data, but never so many that the database feels it. */
  private async sweep(): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX && !this.rounds.isStopped; batch += 1) {
      if (!(await this.handOver.sweep())) return;
    }
  }
}
