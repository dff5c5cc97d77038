import { Body, Controller, Post } from '@nestjs/common';
import { accepted, acceptedSchema, item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
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
import { RecentSignInRequiredError } from '../platform/errors/platform.errors.ts';

@Controller({ version: '1' })
export class EmailChangeController {
  constructor(private readonly emailChanges: EmailChangeService) {}

  @Post('users/me/email')
  @Endpoint({
    summary: 'Ask for another address',
    description: 'A mail to the new address holds the link that makes it the one of the account.',
    status: 202,
    returns: item(acceptedSchema),
    errors: [WrongPasswordError, RecentSignInRequiredError],
  })
  @RateLimit('mail')
  async request(@Body({ schema: changeEmailSchema }) body: ChangeEmail, @CurrentUser() caller: Principal) {
    await this.emailChanges.request(body, caller);
    return accepted;
  }

  @Post('auth/confirm-email-change')
  @Endpoint({
    summary: 'Confirm the new address with the token of its mail',
    description: 'Ends every session; the old address is told.',
    errors: [TokenInvalidError, EmailTakenError],
  })
  @Public()
  async confirm(@Body({ schema: confirmEmailChangeSchema }) { token }: ConfirmEmailChange) {
    await this.emailChanges.confirm(token);
  }
}
