import { Module } from '@nestjs/common';
import { SchedulesController } from './schedules.controller.ts';
import { SchedulesModule } from './schedules.module.ts';

@Module({ imports: [SchedulesModule], controllers: [SchedulesController] })
export class SchedulesHttpModule {}
