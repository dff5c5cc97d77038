import { Body, Controller, Get, Param, Post, Query, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ForbiddenError, LimitReachedError, NotFoundError } from '../platform/errors/platform.errors.ts';
import { item, page } from '../platform/http/schemas.ts';
import {
  IdempotentTransaction,
  type RequestTransaction,
} from '../platform/idempotency/idempotency.interceptor.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { examplesOf, streamExample } from '../platform/openapi/examples.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser, RequirePermission } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { JobEventsService } from './job-events.service.ts';
import { JobRedriveService } from './job-redrive.service.ts';
import { JobResultsService } from './job-results.service.ts';
import { JobNotCancellableError, JobNotFinishedError, JobNotRetryableError } from './jobs.errors.ts';
import { jobsManage } from './jobs.permissions.ts';
import {
  jobIdSchema,
  jobSchema,
  jobsQuerySchema,
  type JobsQuery,
  jobView,
  type RedriveJobs,
  redriveJobsSchema,
  redrivenJobsSchema,
  type StartJob,
  startJobSchema,
} from './jobs.schemas.ts';
import { JobsService } from './jobs.service.ts';

@Tag('Jobs', 'Background jobs, their progress and results.')
@Controller({ path: 'jobs', version: '1' })
export class JobsController {
  constructor(
    private readonly jobs: JobsService,
    private readonly results: JobResultsService,
    private readonly events: JobEventsService,
    private readonly redrives: JobRedriveService,
  ) {}

  @Post()
  @Endpoint({
    summary: 'Start a job',
    description:
      'A user may start `user-export`: a ZIP of the user’s data. At most 100 unfinished jobs per user and 5 exports per ' +
      'day; beyond that 409 `LIMIT_REACHED`.',
    status: 202,
    returns: item(jobSchema),
    examples: ['Queued export'],
    location: 'The path of the job.',
    errors: [LimitReachedError],
    idempotent: true,
  })
  async startJob(
    @Body({ schema: startJobSchema }) body: StartJob,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    const job = await this.jobs.startForUser(body, caller.userId, tx);
    void reply.header('location', `/v1/jobs/${job.id}`);
    return { data: jobView(job) };
  }

  @Get()
  @Endpoint({
    summary: 'List jobs',
    description: 'Your own jobs. With the permission `jobs:read`, the jobs of all users.',
    returns: page(jobSchema),
  })
  async listJobs(@Query({ schema: jobsQuerySchema }) query: JobsQuery, @CurrentUser() caller: Principal) {
    const { data, meta } = await this.jobs.list(query, caller);
    return { data: data.map(jobView), meta };
  }

  @Post('redrive')
  @Endpoint({
    summary: 'Retry failed jobs',
    description:
      'Retries up to 5,000 failed jobs of one type, oldest first. If `hasMore` is true, send the request again. ' +
      'Workers start the jobs within seconds. Repeating the request is safe.',
    status: 202,
    returns: item(redrivenJobsSchema),
  })
  @RequirePermission(jobsManage)
  async retryFailedJobs(@Body({ schema: redriveJobsSchema }) body: RedriveJobs) {
    return { data: await this.redrives.redrive(body) };
  }

  @Get(':id')
  @Endpoint({
    summary: 'Get a job',
    description:
      'Your own job. With the permission `jobs:read`, every job. Watch it instead of polling: `GET /v1/jobs/{id}/events`.',
    returns: item(jobSchema),
  })
  async getJob(@Param('id', { schema: jobIdSchema }) id: string, @CurrentUser() caller: Principal) {
    return { data: jobView(await this.jobs.get(id, caller)) };
  }

  @Post(':id/cancel')
  @Endpoint({
    summary: 'Cancel a job',
    description:
      'Your own job. With the permission `jobs:manage`, every job. A queued job is cancelled at once, a running job within ' +
      'seconds. Changes that it has committed stay.',
    returns: item(jobSchema),
    examples: ['Cancelled export'],
    errors: [ForbiddenError, JobNotCancellableError],
  })
  async cancelJob(@Param('id', { schema: jobIdSchema }) id: string, @CurrentUser() caller: Principal) {
    return { data: jobView(await this.jobs.cancel(id, caller)) };
  }

  @Post(':id/retry')
  @Endpoint({
    summary: 'Retry a job',
    description:
      'Your own job. With the permission `jobs:manage`, every job. Retries a failed or cancelled job. Its attempts start at zero again.',
    status: 202,
    returns: item(jobSchema),
    examples: ['Queued export'],
    errors: [ForbiddenError, JobNotRetryableError, LimitReachedError],
    idempotent: true,
  })
  async retryJob(
    @Param('id', { schema: jobIdSchema }) id: string,
    @CurrentUser() caller: Principal,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    return { data: jobView(await this.jobs.retry(id, caller, tx)) };
  }

  @Get(':id/events')
  @Endpoint({
    summary: 'Watch a job',
    description:
      'Server-Sent Events. Sends `progress` with the job as data at once and after each change, then `end`. The data of ' +
      '`end` is the final status of the job, or the reason why the stream closed early: `session-ended`, ' +
      '`token-expired`, `server-draining`, `too-many-streams` (at most five per user) or `deleted`.',
    produces: 'text/event-stream',
    produced: streamExample(
      { event: 'progress', data: examplesOf(jobSchema)['Completed export'] },
      { event: 'end', data: { reason: 'completed' } },
    ),
  })
  async watchJob(
    @Param('id', { schema: jobIdSchema }) id: string,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return (await this.events.open(id, caller, reply)).responseBody;
  }

  @Get(':id/result')
  @Endpoint({
    summary: 'Download the result of a job',
    description:
      'Of your own job. With the permission `jobs:download`, of every job: that leaves an audit event.',
    produces: '*/*',
    produced: 'line,email,code,message\r\n3,ada@example.com,EMAIL_TAKEN,The email has an account.\r\n',
    errors: [ForbiddenError, JobNotFinishedError, NotFoundError],
  })
  async downloadJobResult(
    @Param('id', { schema: jobIdSchema }) id: string,
    @CurrentUser() caller: Principal,
  ) {
    const { file, bytes } = await this.results.open(id, caller);
    return new StreamableFile(bytes, {
      type: file.mediaType,
      disposition: `attachment; filename="${file.name}"`,
      length: file.size,
    });
  }
}
