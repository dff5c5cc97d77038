import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { pageQueryOf, toConnection } from '../platform/graphql/connections.ts';
import { IdPipe, InputPipe } from '../platform/graphql/schema.pipe.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { JobConnection, JobObject, JobsArgs, StartJobInput } from './jobs.graphql.ts';
import { jobIdSchema, jobsQuerySchema, jobView, type StartJob, startJobSchema } from './jobs.schemas.ts';
import { JobsService } from './jobs.service.ts';

const ID_ARG = { type: () => ID };

@Resolver(() => JobObject)
export class JobsResolver {
  constructor(private readonly jobs: JobsService) {}

  @Query(() => JobObject, {
    nullable: true,
    description: 'One of your own jobs. With the permission `jobs:read`, any job.',
  })
  async job(@Args('id', ID_ARG, new IdPipe(jobIdSchema)) id: string, @CurrentUser() caller: Principal) {
    return jobView(await this.jobs.get(id, caller));
  }

  @Query(() => JobConnection, {
    name: 'jobs',
    description: 'Your own jobs. With the permission `jobs:read`, the jobs of all users. Sorts: `createdAt`.',
  })
  async listJobs(@Args() args: JobsArgs, @CurrentUser() caller: Principal) {
    const page = await this.jobs.list(pageQueryOf(jobsQuerySchema, args), caller);
    return toConnection(page, args, jobView);
  }

  @Mutation(() => JobObject, { description: 'Starts a job. A user may start `user-export`.' })
  async startJob(
    @Args('input', { type: () => StartJobInput }, new InputPipe(startJobSchema)) input: StartJob,
    @CurrentUser() { userId }: Principal,
  ) {
    return jobView(await this.jobs.startForUser(input, userId));
  }

  @Mutation(() => JobObject, {
    description:
      'Cancels a queued job at once, a running job within seconds. Changes that it has committed stay.',
  })
  async cancelJob(@Args('id', ID_ARG, new IdPipe(jobIdSchema)) id: string, @CurrentUser() caller: Principal) {
    return jobView(await this.jobs.cancel(id, caller));
  }

  @Mutation(() => JobObject, {
    description: 'Retries a failed or cancelled job. Its attempts start at zero again.',
  })
  async retryJob(@Args('id', ID_ARG, new IdPipe(jobIdSchema)) id: string, @CurrentUser() caller: Principal) {
    return jobView(await this.jobs.retry(id, caller));
  }
}
