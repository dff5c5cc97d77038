import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { PermissionsModule } from '../platform/security/permissions.ts';
import { type Schedule, Schedules } from './schedule-definition.ts';
import { ScheduleState } from './schedule.entity.ts';
import { schedulePaused, scheduleResumed, scheduleStarted } from './schedules.audit.ts';
import { schedulesManage, SchedulesService } from './schedules.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([ScheduleState]),
    AuditModule.forFeature([schedulePaused, scheduleResumed, scheduleStarted]),
    JobsModule,
    PermissionsModule.forFeature([schedulesManage]),
    // Removed from the code, or no worker has run for a month. A pause has no end.
    RetentionModule.forFeature([
      { table: 'schedules', expired: `confirmed_at < now() - interval '30 days' AND paused_at IS NULL` },
    ]),
  ],
  providers: [Schedules, SchedulesService],
  exports: [Schedules, SchedulesService],
})
export class SchedulesModule {
  /** For a feature with recurring jobs. */
  static forFeature(schedules: Schedule[]): DynamicModule {
    return registerIn(SchedulesFeatureModule, Schedules, schedules);
  }
}

@Module({ imports: [SchedulesModule], exports: [SchedulesModule] })
class SchedulesFeatureModule {}
