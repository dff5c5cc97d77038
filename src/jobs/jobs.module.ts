import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventsModule } from '../platform/events/events.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobFile } from './job-file.entity.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobListeners } from './job-listeners.service.ts';
import { JobOutcomeEvents } from './job-outcome-events.service.ts';
import { Job } from './job.entity.ts';
import { jobCompleted, jobFailed } from './jobs.events.ts';
import { JobsService } from './jobs.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Job, JobFile]), EventsModule.forFeature([jobCompleted, jobFailed])],
  providers: [JobsService, JobFilesService, JobDispatcher, JobListeners, JobOutcomeEvents, JobTypes],
  exports: [JobsService, JobFilesService, JobDispatcher, JobListeners, JobTypes],
})
export class JobsModule {
  /** For the feature that starts and handles jobs of these types. */
  static forFeature(types: JobDefinition[]): DynamicModule {
    return registerIn(JobsFeatureModule, JobTypes, types);
  }
}

@Module({ imports: [JobsModule], exports: [JobsModule] })
class JobsFeatureModule {}
