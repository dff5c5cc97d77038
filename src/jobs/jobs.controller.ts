import { Body, Controller, Get, Param, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { LimitReachedError, NotFoundError } from '../platform/errors/platform.errors.ts';
import { item, page } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { CurrentUser, Roles } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { JobEventsService } from './job-events.service.ts';
import { JobFilesService } from './job-files.service.ts';
import { JobRedriveService } from './job-redrive.service.ts';
import { JobNotCancellableError, JobNotFinishedError, JobNotRetryableError } from './jobs.errors.ts';
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

@ApiTags('Jobs')
@Controller({ path: 'jobs', version: '1' })
export class JobsController {
  constructor(
    private readonly jobs: JobsService,
    private readonly files: JobFilesService,
    private readonly events: JobEventsService,
    private readonly redrives: JobRedriveService,
  ) {}

  @Post()
  @Endpoint({
    summary: 'Start a job',
    description:
      'At most 100 of a user are unfinished at a time, and of a costly type 1,000 are started within a day. ' +
      'More are 409 `LIMIT_REACHED`.',
    status: 202,
    returns: item(jobSchema),
    errors: [LimitReachedError],
  })
  async startJob(
    @Body({ schema: startJobSchema }) body: StartJob,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const job = await this.jobs.startForUser(body, caller.userId);
    void reply.header('location', `/v1/jobs/${job.id}`);
    return { data: jobView(job) };
  }

  @Get()
  @Endpoint({ summary: 'List own jobs; an administrator sees all', returns: page(jobSchema) })
  async listJobs(@Query({ schema: jobsQuerySchema }) query: JobsQuery, @CurrentUser() caller: Principal) {
    const { data, meta } = await this.jobs.list(query, caller);
    return { data: data.map(jobView), meta };
  }

  @Post('redrive')
  @Endpoint({
    summary: 'Start all failed jobs of a type anew',
    description:
      'At most 5,000 at a time, the oldest first; `hasMore` says whether to ask again. The workers find them ' +
      'within seconds. Asking twice does no harm: what has been started is failed no longer.',
    status: 202,
    returns: item(redrivenJobsSchema),
  })
  @Roles('admin')
  async retryFailedJobs(@Body({ schema: redriveJobsSchema }) body: RedriveJobs) {
    return { data: await this.redrives.redrive(body) };
  }

  @Get(':id')
  @Endpoint({ summary: 'What has become of a job', returns: item(jobSchema) })
  async getJob(@Param('id', { schema: jobIdSchema }) id: string, @CurrentUser() caller: Principal) {
    return { data: jobView(await this.jobs.get(id, caller)) };
  }

  @Post(':id/cancel')
  @Endpoint({
    summary: 'Stop a job',
    description: 'A running one ends within seconds; what it has done until then stays.',
    returns: item(jobSchema),
    errors: [JobNotCancellableError],
  })
  async cancelJob(@Param('id', { schema: jobIdSchema }) id: string, @CurrentUser() caller: Principal) {
    return { data: jobView(await this.jobs.cancel(id, caller)) };
  }

  @Post(':id/retry')
  @Endpoint({
    summary: 'Start a failed or cancelled job anew',
    status: 202,
    returns: item(jobSchema),
    errors: [JobNotRetryableError, LimitReachedError],
  })
  async retryJob(@Param('id', { schema: jobIdSchema }) id: string, @CurrentUser() caller: Principal) {
    return { data: jobView(await this.jobs.retry(id, caller)) };
  }

  @Get(':id/events')
  @Endpoint({
    summary: 'Watch a job',
    description:
      'Server-Sent Events: `progress` with the job as data, at once and after each change; then `end`, with how the ' +
      'job ended as the reason, or why the stream closes before: `session-ended`, `token-expired`, ' +
      '`server-draining`, `too-many-streams` (five are open at most) or `deleted`.',
    produces: 'text/event-stream',
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
    summary: 'Download what a job has made',
    produces: 'application/octet-stream',
    errors: [JobNotFinishedError, NotFoundError],
  })
  async downloadJobResult(
    @Param('id', { schema: jobIdSchema }) id: string,
    @CurrentUser() caller: Principal,
  ) {
    const job = await this.jobs.get(id, caller);
    if (job.status === 'queued' || job.status === 'active') throw new JobNotFinishedError();
    // A job that was cancelled or failed has what it had got to, which is no result.
    const isComplete = job.status === 'completed';
    const file = isComplete && job.resultFileId ? await this.files.find(job.resultFileId) : null;
    if (!file) throw new NotFoundError();
    return new StreamableFile(Readable.from(this.files.read(file)), {
      type: file.mediaType,
      disposition: `attachment; filename="${file.name}"`,
      length: file.size,
    });
  }
}
