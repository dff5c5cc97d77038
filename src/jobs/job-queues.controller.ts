import { Controller, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { item, list } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { RequirePermission } from '../platform/security/access.decorators.ts';
import { JobQueuesService } from './job-queues.service.ts';
import { queuesManage } from './jobs.permissions.ts';
import { jobQueueSchema, jobTypeSchema } from './jobs.schemas.ts';

@ApiTags('Jobs')
@Controller({ path: 'queues', version: '1' })
export class JobQueuesController {
  constructor(private readonly queues: JobQueuesService) {}

  @Get()
  @Endpoint({
    summary: 'List queues',
    description: 'The queue of each job type, with its numbers of jobs.',
    returns: list(jobQueueSchema),
  })
  @RequirePermission(queuesManage)
  async listQueues() {
    return { data: await this.queues.list() };
  }

  @Post(':type/pause')
  @Endpoint({
    summary: 'Pause a queue',
    description:
      'Workers take no more jobs of this type. Running jobs continue, and new jobs wait. The pause lasts until the queue is resumed.',
    status: 200,
    returns: item(jobQueueSchema),
    examples: ['Paused'],
  })
  @RequirePermission(queuesManage)
  async pauseQueue(@Param('type', { schema: jobTypeSchema }) type: string) {
    return { data: await this.queues.pause(type) };
  }

  @Post(':type/resume')
  @Endpoint({
    summary: 'Resume a queue',
    description: 'Workers start the waiting jobs within seconds.',
    status: 200,
    returns: item(jobQueueSchema),
    examples: ['Running'],
  })
  @RequirePermission(queuesManage)
  async resumeQueue(@Param('type', { schema: jobTypeSchema }) type: string) {
    return { data: await this.queues.resume(type) };
  }
}
