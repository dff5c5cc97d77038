import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobEventsService } from './job-events.service.ts';
import { JobQueuesController } from './job-queues.controller.ts';
import { JobRedriveService } from './job-redrive.service.ts';
import { JobResultsService } from './job-results.service.ts';
import { Job } from './job.entity.ts';
import { jobResultDownloaded, jobsRedriven } from './jobs.audit.ts';
import { JobsController } from './jobs.controller.ts';
import { JobsModule } from './jobs.module.ts';
import { JobsResolver } from './jobs.resolver.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Job]),
    AuditModule.forFeature([jobsRedriven, jobResultDownloaded]),
    JobsModule,
  ],
  controllers: [JobsController, JobQueuesController],
  providers: [JobsResolver, JobEventsService, JobRedriveService, JobResultsService],
})
export class JobsHttpModule {}
