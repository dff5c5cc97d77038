import { Body, Controller, Delete, Get, Param, Patch, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import {
  NotFoundError,
  RecentSignInRequiredError,
  TooManyMatchesError,
} from '../platform/errors/platform.errors.ts';
import { ExpectedVersion, setEtag } from '../platform/http/etag.ts';
import { item, page } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser, RequirePermission } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { AccountDeletionService } from './personal-data/account-deletion.service.ts';
import { LastAdminError, RoleExceedsYoursError } from './users.errors.ts';
import { usersRead, usersUpdate } from './users.permissions.ts';
import {
  myPermissionsSchema,
  type UpdateMe,
  updateMeSchema,
  type UpdateUser,
  updateUserSchema,
  userIdSchema,
  userSchema,
  usersQuerySchema,
  type UsersQuery,
} from './users.schemas.ts';
import { UsersService } from './users.service.ts';

@Tag('Users', 'Profiles and user administration.')
@Controller({ path: 'users', version: '1' })
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly deletion: AccountDeletionService,
  ) {}

  @Get('me')
  @Endpoint({
    summary: 'Get your profile',
    description: 'The `ETag` header is the version, for `If-Match` in an update.',
    returns: item(userSchema),
    versioned: true,
    errors: [NotFoundError],
  })
  async getMe(@CurrentUser() { userId }: Principal, @Res({ passthrough: true }) reply: FastifyReply) {
    const user = await this.users.get(userId);
    setEtag(reply, user.version);
    return { data: this.users.view(user) };
  }

  @Get('me/permissions')
  @Endpoint({
    summary: 'Get your role and permissions',
    description:
      'The permissions of the role in your access token. Use them to show or hide parts of a user interface.',
    returns: item(myPermissionsSchema),
  })
  getMyPermissions(@CurrentUser() { role, permissions }: Principal) {
    return { data: { role, permissions: [...permissions].map(({ name }) => name).toSorted() } };
  }

  @Patch('me')
  @Endpoint({
    summary: 'Update your profile',
    description:
      'Changes only the given properties. With `If-Match`, only if the profile still has that version.',
    returns: item(userSchema),
    errors: [NotFoundError],
    versioned: true,
  })
  async updateMe(
    @Body({ schema: updateMeSchema }) body: UpdateMe,
    @CurrentUser() { userId }: Principal,
    @ExpectedVersion() version: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const user = await this.users.updateMe(userId, body, version);
    setEtag(reply, user.version);
    return { data: this.users.view(user) };
  }

  @Delete('me')
  @Endpoint({
    summary: 'Delete your account',
    description:
      'Revokes all sessions immediately. A job removes the remaining personal data. This can’t be undone.',
    errors: [LastAdminError, NotFoundError, RecentSignInRequiredError],
    versioned: true,
  })
  async deleteMe(@CurrentUser() caller: Principal, @ExpectedVersion() version: number | undefined) {
    await this.deletion.delete(caller, version);
  }

  @Get()
  @Endpoint({
    summary: 'List accounts',
    description:
      'Newest first. Filter by status, role or the start of the email. `q` searches names and emails: the most relevant first. With a read replica, changes may appear a few seconds later.',
    returns: page(userSchema),
    errors: [TooManyMatchesError],
  })
  @RequirePermission(usersRead)
  async listUsers(@Query({ schema: usersQuerySchema }) query: UsersQuery) {
    const { data, meta } = await this.users.list(query);
    return { data: data.map((user) => this.users.view(user)), meta };
  }

  @Get(':id')
  @Endpoint({
    summary: 'Get an account',
    description: 'The `ETag` header is the version, for `If-Match` in an update.',
    returns: item(userSchema),
    versioned: true,
  })
  @RequirePermission(usersRead)
  async getUser(
    @Param('id', { schema: userIdSchema }) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const user = await this.users.get(id);
    setEtag(reply, user.version);
    return { data: this.users.view(user) };
  }

  @Patch(':id')
  @Endpoint({
    summary: 'Update the role or status of an account',
    description:
      'Revokes its sessions. Another `role` also needs the permission `users:change-role`. You can give only roles whose ' +
      'permissions you have yourself, and change only accounts whose role has no others.',
    returns: item(userSchema),
    errors: [LastAdminError, RoleExceedsYoursError],
    versioned: true,
  })
  @RequirePermission(usersUpdate)
  async updateUser(
    @Param('id', { schema: userIdSchema }) id: string,
    @Body({ schema: updateUserSchema }) body: UpdateUser,
    @ExpectedVersion() version: number | undefined,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const user = await this.users.updateByAdmin({ id, expectedVersion: version }, body, caller);
    setEtag(reply, user.version);
    return { data: this.users.view(user) };
  }
}
