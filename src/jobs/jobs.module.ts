import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventsModule } from '../platform/events/events.module.ts';
import {
  PersonalDataModule,
  type PersonalDataTable,
} from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { JobFile } from './job-file.entity.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobListeners } from './job-listeners.service.ts';
import { JobOutcomeEvents } from './job-outcome-events.service.ts';
import { Job } from './job.entity.ts';
import { jobCompleted, jobFailed } from './jobs.events.ts';
import { JobsService } from './jobs.service.ts';

/** A file is stored before its job exists, so it is kept for one day without a job. */
const unusedFiles = {
  table: 'job_files',
  expired: `created_at < now() - interval '1 day'
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE input_file_id = job_files.id OR result_file_id = job_files.id)`,
};

/** Erased with their files, which no foreign key deletes. */
const jobsOfUsers: PersonalDataTable = {
  table: 'jobs',
  exported: {
    file: 'jobs',
    columns: `id, type, status, attempts, created_at, started_at, finished_at`,
    where: `user_id = $1`,
  },
  erased: {
    sql: `WITH deleted AS (DELETE FROM jobs WHERE user_id = $1 RETURNING input_file_id, result_file_id)
      DELETE FROM job_files WHERE id IN (SELECT unnest(ARRAY[input_file_id, result_file_id]) FROM deleted)`,
  },
};

@Module({
  imports: [
    TypeOrmModule.forFeature([Job, JobFile]),
    PersonalDataModule.forFeature([jobsOfUsers]),
    EventsModule.forFeature([jobCompleted, jobFailed]),
    RetentionModule.forFeature([
      { table: 'jobs', expired: `finished_at < now() - interval '30 days'` },
      unusedFiles,
    ]),
  ],
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
