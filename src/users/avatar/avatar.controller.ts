import { Body, Controller, Delete, Get, Param, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { FileNotUsableError } from '../../files/files.errors.ts';
import { DOWNLOAD_SECONDS } from '../../files/files.service.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { ExpectedVersion, setEtag } from '../../platform/http/etag.ts';
import { item } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { type SetAvatar, setAvatarSchema, userIdSchema, userSchema } from '../users.schemas.ts';
import { UsersService } from '../users.service.ts';
import { AvatarService } from './avatar.service.ts';

/** The URL in the redirect works for a minute longer than a browser uses it. */
const REDIRECT_SECONDS = DOWNLOAD_SECONDS - 60;

@Tag('Users')
@Controller({ path: 'users', version: '1' })
export class AvatarController {
  constructor(
    private readonly avatars: AvatarService,
    private readonly users: UsersService,
  ) {}

  @Put('me/avatar')
  @Endpoint({
    summary: 'Set your avatar',
    description: 'Uses a file that you uploaded with the purpose `avatar`. The earlier avatar is deleted.',
    returns: item(userSchema),
    errors: [FileNotUsableError, NotFoundError],
    versioned: true,
  })
  async setAvatar(
    @Body({ schema: setAvatarSchema }) { fileId }: SetAvatar,
    @CurrentUser() { userId }: Principal,
    @ExpectedVersion() version: number | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const user = await this.avatars.set(userId, fileId, version);
    setEtag(reply, user.version);
    return { data: this.users.view(user) };
  }

  @Delete('me/avatar')
  @Endpoint({
    summary: 'Remove your avatar',
    description: 'Also succeeds if you have none.',
    errors: [NotFoundError],
    versioned: true,
  })
  async removeAvatar(@CurrentUser() { userId }: Principal, @ExpectedVersion() version: number | undefined) {
    await this.avatars.remove(userId, version);
  }

  @Get('avatars/:id')
  @Endpoint({
    summary: 'Get an avatar image',
    description: 'The `avatarUrl` of a user: redirects to the image. A new avatar has a new URL.',
    status: 302,
    location: 'The URL of the image. It works for five minutes.',
    errors: [NotFoundError],
  })
  @Public()
  async getAvatar(
    @Param('id', { schema: userIdSchema }) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const location = await this.avatars.locate(id);
    void reply
      .header('location', location)
      .header('cache-control', `private, max-age=${REDIRECT_SECONDS}`)
      // Pages of other origins may show the image.
      .header('cross-origin-resource-policy', 'cross-origin');
  }
}
