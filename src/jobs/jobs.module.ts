import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { JobFile } from './job-file.entity.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobListeners } from './job-listeners.service.ts';
import { JobOutcomeEvents } from './job-outcome-events.service.ts';
import { Job } from './job.entity.ts';
// They arise in the worker; here they are subscribed to and described.
// oxlint-disable-next-line import/no-unassigned-import
import './jobs.events.ts';
import { JobsService } from './jobs.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Job, JobFile])],
  providers: [JobsService, JobFilesService, JobDispatcher, JobListeners, JobOutcomeEvents],
  exports: [JobsService, JobFilesService, JobDispatcher, JobListeners],
})
export class JobsModule {}
