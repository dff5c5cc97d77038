import { Context, Parent, ResolveField, Resolver } from '@nestjs/graphql';
import type { Job } from '../jobs/job.entity.ts';
import { JobObject } from '../jobs/jobs.graphql.ts';
import type { GraphqlContext } from '../platform/graphql/graphql-context.ts';
import { UserObject } from './users.graphql.ts';
import { usersRead } from './users.permissions.ts';
import { UsersService } from './users.service.ts';

/** In this feature, because UsersModule imports JobsModule and not the other way round. */
@Resolver(() => JobObject)
export class JobOwnerResolver {
  constructor(private readonly users: UsersService) {}

  @ResolveField(() => UserObject, {
    nullable: true,
    description:
      'The user who started it. Null for jobs of the system, and for those of others without the permission `users:read`.',
  })
  async owner(@Parent() { userId }: Job, @Context() { loaders, caller }: GraphqlContext) {
    // To see a job is not enough: an account has personal data.
    if (userId !== caller.userId && !caller.permissions.has(usersRead)) return null;
    const owner = userId && (await loaders.load('users', userId, (ids) => this.users.findMany(ids)));
    return owner ? this.users.view(owner) : null;
  }
}
