import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JobRuns } from './job-runs.service.ts';
import { JobSweepService } from './job-sweep.service.ts';
import { JobWorkerService } from './job-worker.service.ts';
import { JobsModule } from './jobs.module.ts';

/** What runs jobs; imported by the worker process alone. */
@Module({ imports: [JobsModule, DiscoveryModule], providers: [JobRuns, JobWorkerService, JobSweepService] })
export class JobWorkerModule {}
