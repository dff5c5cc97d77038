import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { DomainEventsModule } from '../platform/events/domain-events.module.ts';
import { deleteByColumn, PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { PermissionsModule } from '../platform/security/permissions.ts';
import { JobChanges } from './job-changes.service.ts';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobQueuesService } from './job-queues.service.ts';
import { Job, JobFile } from './job.entity.ts';
import { queuePaused, queueResumed } from './jobs.audit.ts';
import { jobCancelled, jobCompleted, jobFailed } from './jobs.events.ts';
import { jobsDownload, jobsManage, jobsRead, queuesManage } from './jobs.permissions.ts';
import { JobsService } from './jobs.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Job, JobFile]),
    PersonalDataModule.forFeature([
      {
        table: 'jobs',
        exported: {
          file: 'jobs',
          columns: `id, type, status, attempts, created_at, started_at, finished_at`,
          where: `user_id = $1`,
        },
        erased: { sql: deleteByColumn('jobs', 'user_id') },
      },
    ]),
    AuditModule.forFeature([queuePaused, queueResumed]),
    PermissionsModule.forFeature([jobsRead, jobsManage, jobsDownload, queuesManage]),
    DomainEventsModule.forFeature([jobCompleted, jobFailed, jobCancelled]),
    RetentionModule.forFeature([
      { table: 'jobs', expired: `finished_at < now() - interval '30 days'` },
      // Stored before its job exists. Other files are deleted with their job.
      { table: 'job_files', expired: `job_id IS NULL AND created_at < now() - interval '1 day'` },
    ]),
  ],
  providers: [JobsService, JobFilesService, JobDispatcher, JobChanges, JobTypes, JobQueuesService],
  exports: [JobsService, JobFilesService, JobDispatcher, JobChanges, JobTypes, JobQueuesService],
})
export class JobsModule {
  /** For the feature that starts and handles jobs of these types. */
  static forFeature(types: JobDefinition[]): DynamicModule {
    return registerIn(JobsFeatureModule, JobTypes, types);
  }
}

@Module({ imports: [JobsModule], exports: [JobsModule] })
class JobsFeatureModule {}
