import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JobSweepService } from './job-sweep.service.ts';
import { JobWorkerService } from './job-worker.service.ts';
import { JobsModule } from './jobs.module.ts';

/** What runs jobs; imported by the worker process alone. */
@Module({ imports: [JobsModule, DiscoveryModule], providers: [JobWorkerService, JobSweepService] })
export class JobWorkerModule {}
