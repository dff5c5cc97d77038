import { Controller, Get, Param, Post } from '@nestjs/common';
import { item, list } from '../platform/http/schemas.ts';
import {
  IdempotentTransaction,
  type RequestTransaction,
} from '../platform/idempotency/idempotency.interceptor.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { RequirePermission } from '../platform/security/access.decorators.ts';
import { scheduleNameSchema, scheduleSchema } from './schedules.schemas.ts';
import { schedulesManage, SchedulesService } from './schedules.service.ts';

@Tag('Jobs')
@Controller({ path: 'schedules', version: '1' })
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Get()
  @Endpoint({
    summary: 'List schedules',
    description: 'The recurring jobs, with their last and next run.',
    returns: list(scheduleSchema),
  })
  @RequirePermission(schedulesManage)
  async listSchedules() {
    return { data: await this.schedules.list() };
  }

  @Post(':name/run')
  @Endpoint({
    summary: 'Run a schedule now',
    description:
      'Starts the job of the schedule, also while it is paused. If its last job is unfinished, no second one starts. ' +
      '`lastJobId` is the job. The next scheduled run stays the same.',
    status: 202,
    returns: item(scheduleSchema),
    examples: ['Daily'],
    idempotent: true,
  })
  @RequirePermission(schedulesManage)
  async runSchedule(
    @Param('name', { schema: scheduleNameSchema }) name: string,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    return { data: await this.schedules.runNow(name, tx) };
  }

  @Post(':name/pause')
  @Endpoint({
    summary: 'Pause a schedule',
    description:
      'A paused schedule starts no jobs. Running jobs continue. The pause lasts until it is resumed.',
    status: 200,
    returns: item(scheduleSchema),
    examples: ['Paused'],
  })
  @RequirePermission(schedulesManage)
  async pauseSchedule(@Param('name', { schema: scheduleNameSchema }) name: string) {
    return { data: await this.schedules.pause(name) };
  }

  @Post(':name/resume')
  @Endpoint({
    summary: 'Resume a schedule',
    description: 'Continues with the next run. Runs that were due during the pause do not start.',
    status: 200,
    returns: item(scheduleSchema),
    examples: ['Daily'],
  })
  @RequirePermission(schedulesManage)
  async resumeSchedule(@Param('name', { schema: scheduleNameSchema }) name: string) {
    return { data: await this.schedules.resume(name) };
  }
}
