import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobFile } from './job-file.entity.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobHandOverService } from './job-hand-over.service.ts';
import { Job } from './job.entity.ts';
import { JobsController } from './jobs.controller.ts';
import { JobsService } from './jobs.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Job, JobFile])],
  controllers: [JobsController],
  providers: [JobsService, JobFilesService, JobHandOverService],
  exports: [JobsService, JobFilesService, JobHandOverService],
})
export class JobsModule {}
