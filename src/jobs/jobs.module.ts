import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobFile } from './job-file.entity.ts';
import { JobFilesService } from './job-files.service.ts';
import { EventStreamsModule } from '../platform/http/event-streams.module.ts';
import { JobEnds } from './job-ends.service.ts';
import { JobEventsService } from './job-events.service.ts';
import { JobHandOverService } from './job-hand-over.service.ts';
import { JobListeners } from './job-listeners.service.ts';
import { JobRedriveService } from './job-redrive.service.ts';
import { Job } from './job.entity.ts';
import { JobsController } from './jobs.controller.ts';
// They arise in the worker; here they are subscribed to and described.
// oxlint-disable-next-line import/no-unassigned-import
import './jobs.events.ts';
import { JobsService } from './jobs.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Job, JobFile]), AuditModule, EventStreamsModule],
  controllers: [JobsController],
  providers: [
    JobsService,
    JobFilesService,
    JobHandOverService,
    JobListeners,
    JobEnds,
    JobEventsService,
    JobRedriveService,
  ],
  exports: [JobsService, JobFilesService, JobHandOverService, JobListeners],
})
export class JobsModule {}
