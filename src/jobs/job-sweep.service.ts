import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../platform/config/config.ts';
import { IntervalTask } from '../platform/process/interval-task.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';

/** Sweeps in every worker, by a plain timer: a schedule kept in the queue would be lost with the queue's data. */
@Injectable()
export class JobSweepService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly rounds: IntervalTask;

  constructor(dispatcher: JobDispatcher, config: Config) {
    this.rounds = new IntervalTask('JobSweep', () => dispatcher.sweep(), config.SWEEP_SECONDS * 1_000);
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.rounds.stop();
  }
}
