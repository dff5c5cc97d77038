import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module.ts';
import { ScheduleRunner } from './schedule-runner.service.ts';
import { SchedulesModule } from './schedules.module.ts';

/** Starts the recurring jobs of all features. */
@Module({ imports: [JobsModule, SchedulesModule], providers: [ScheduleRunner] })
export class SchedulesWorkerModule {}
