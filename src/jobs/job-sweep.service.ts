import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '../platform/config/config.ts';
import { IntervalTask } from '../platform/process/interval-task.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { JobQueuesService } from './job-queues.service.ts';
import { JobSlots } from './job-slots.service.ts';

/** Repairs the state after a crash or a lost queue. A timer in each worker: a lost queue loses its schedules too. */
@Injectable()
export class JobSweep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly task: IntervalTask;

  constructor(
    private readonly dispatcher: JobDispatcher,
    private readonly slots: JobSlots,
    private readonly queues: JobQueuesService,
    config: Config,
  ) {
    this.task = new IntervalTask('JobSweep', () => this.sweep(), config.SWEEP_SECONDS * 1_000);
  }

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.task.stop();
  }

  private async sweep(): Promise<void> {
    await this.dispatcher.sweep(await this.queues.pausedTypes());
    await this.slots.sweep();
    if (!this.task.isStopped) await this.queues.applyPauses();
  }
}
