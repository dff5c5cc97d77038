import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JobRuns } from './job-runs.service.ts';
import { JobSweepService } from './job-sweep.service.ts';
import { JobWorkerService } from './job-worker.service.ts';
import { JobsModule } from './jobs.module.ts';

/** Runs the job handlers of all features. */
@Module({ imports: [JobsModule, DiscoveryModule], providers: [JobRuns, JobWorkerService, JobSweepService] })
export class JobsWorkerModule {}
