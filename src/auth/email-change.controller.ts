import { Body, Controller, Post } from '@nestjs/common';
import { RecentSignInRequiredError } from '../platform/errors/platform.errors.ts';
import { accepted, acceptedSchema, item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { RateLimit } from '../platform/security/rate-limit.decorator.ts';
import { EmailTakenError, TokenInvalidError, WrongPasswordError } from './auth.errors.ts';
import {
  type ChangeEmail,
  changeEmailSchema,
  type ConfirmEmailChange,
  confirmEmailChangeSchema,
} from './auth.schemas.ts';
import { EmailChangeService } from './email-change.service.ts';

@Tag('Authentication')
@Controller({ version: '1' })
export class EmailChangeController {
  constructor(private readonly emailChanges: EmailChangeService) {}

  @Post('users/me/email')
  @Endpoint({
    summary: 'Request an email change',
    description: 'Sends a link to the new email. The email changes when the link is used.',
    status: 202,
    returns: item(acceptedSchema),
    errors: [WrongPasswordError, RecentSignInRequiredError],
  })
  @RateLimit('mail')
  async requestEmailChange(
    @Body({ schema: changeEmailSchema }) body: ChangeEmail,
    @CurrentUser() caller: Principal,
  ) {
    await this.emailChanges.request(body, caller);
    return accepted;
  }

  @Post('auth/confirm-email-change')
  @Endpoint({
    summary: 'Confirm an email change',
    description: 'Uses the token from the mail. Revokes all sessions and notifies the old email.',
    errors: [TokenInvalidError, EmailTakenError],
  })
  @Public()
  async confirmEmailChange(@Body({ schema: confirmEmailChangeSchema }) { token }: ConfirmEmailChange) {
    await this.emailChanges.confirm(token);
  }
}
