import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { pageQueryOf, toConnection } from '../platform/graphql/connections.ts';
import { IdPipe, InputPipe } from '../platform/graphql/schema.pipe.ts';
import { CurrentUser, RequirePermission } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { UpdateMeInput, UserConnection, UserObject, UsersArgs } from './users.graphql.ts';
import { usersRead } from './users.permissions.ts';
import { type UpdateMe, updateMeSchema, userIdSchema, usersQuerySchema } from './users.schemas.ts';
import { UsersService } from './users.service.ts';

@Resolver(() => UserObject)
export class UsersResolver {
  constructor(private readonly users: UsersService) {}

  @Query(() => UserObject, { description: 'Your profile.' })
  async me(@CurrentUser() { userId }: Principal) {
    return this.users.view(await this.users.get(userId));
  }

  @Query(() => UserObject, { nullable: true, description: 'An account. Needs the permission `users:read`.' })
  @RequirePermission(usersRead)
  async user(@Args('id', { type: () => ID }, new IdPipe(userIdSchema)) id: string) {
    return this.users.view(await this.users.get(id));
  }

  @Query(() => UserConnection, {
    name: 'users',
    description:
      'All accounts. Needs the permission `users:read`. Sorts: `relevance`, `createdAt`, `email`. With a read replica, changes may appear a few seconds later.',
  })
  @RequirePermission(usersRead)
  async listUsers(@Args() args: UsersArgs) {
    const page = await this.users.list(pageQueryOf(usersQuerySchema, args));
    return toConnection(page, args, (user) => this.users.view(user));
  }

  @Mutation(() => UserObject, { description: 'Updates your profile.' })
  async updateMe(
    @Args('input', { type: () => UpdateMeInput }, new InputPipe(updateMeSchema)) input: UpdateMe,
    @CurrentUser() { userId }: Principal,
  ) {
    return this.users.view(await this.users.updateMe(userId, input, undefined));
  }
}
