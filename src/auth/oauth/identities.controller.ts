import { Controller, Delete, Get, Param } from '@nestjs/common';
import { RecentSignInRequiredError } from '../../platform/errors/platform.errors.ts';
import { list } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import { type Principal, requireRecentSignIn } from '../../platform/security/principal.ts';
import { IdentitiesService } from './identities.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { LastSignInMethodError } from './oauth.errors.ts';
import { identitySchema, identityView, providerNameSchema } from './oauth.schemas.ts';

@Tag('Authentication')
@Controller({ path: 'users/me/identities', version: '1' })
export class IdentitiesController {
  constructor(private readonly identities: IdentitiesService) {}

  @Get()
  @Endpoint({
    summary: 'List your linked providers',
    description: 'The accounts at sign-in providers that you can sign in with.',
    returns: list(identitySchema),
  })
  async listIdentities(@CurrentUser() { userId }: Principal) {
    return { data: (await this.identities.list(userId)).map(identityView) };
  }

  @Delete(':provider')
  @Endpoint({
    summary: 'Unlink a provider',
    description:
      'Needs a recent sign-in. Revokes your other sessions. Rejected for your last sign-in method.',
    errors: [LastSignInMethodError, RecentSignInRequiredError],
  })
  async unlinkIdentity(
    @Param('provider', { schema: providerNameSchema }) provider: ProviderName,
    @CurrentUser() caller: Principal,
  ) {
    requireRecentSignIn(caller);
    await this.identities.unlink(provider, caller);
  }
}
