import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JobClaims } from './job-claims.service.ts';
import { JobCompletions } from './job-completions.service.ts';
import { JobMetrics } from './job-metrics.service.ts';
import { JobSlots } from './job-slots.service.ts';
import { JobSweep } from './job-sweep.service.ts';
import { JobWorkerService } from './job-worker.service.ts';
import { JobsModule } from './jobs.module.ts';

/** Runs the job handlers of all features. */
@Module({
  imports: [JobsModule, DiscoveryModule],
  providers: [JobClaims, JobCompletions, JobMetrics, JobSlots, JobSweep, JobWorkerService],
})
export class JobsWorkerModule {}
