import { Body, Controller, Post } from '@nestjs/common';
import { accepted, acceptedSchema, item } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { RateLimit } from '../../platform/security/rate-limit.decorator.ts';
import { AccountLinkRequests } from '../account-links.service.ts';
import { TokenInvalidError, WrongPasswordError } from '../auth.errors.ts';
import {
  type ChangePassword,
  changePasswordSchema,
  type ForgotPassword,
  forgotPasswordSchema,
  type ResetPassword,
  resetPasswordSchema,
} from './passwords.schemas.ts';
import { PasswordsService } from './passwords.service.ts';

@Tag('Authentication')
@Controller({ path: 'auth', version: '1' })
export class PasswordsController {
  constructor(
    private readonly links: AccountLinkRequests,
    private readonly passwords: PasswordsService,
  ) {}

  @Post('forgot-password')
  @Endpoint({
    summary: 'Request a password reset',
    description: 'Sends a link to choose a new password, if the email has an account.',
    status: 202,
    returns: item(acceptedSchema),
  })
  @Public()
  @RateLimit('mail')
  async forgotPassword(@Body({ schema: forgotPasswordSchema }) { email }: ForgotPassword) {
    await this.links.requestLink('reset-password', email);
    return accepted;
  }

  @Post('reset-password')
  @Endpoint({
    summary: 'Reset the password',
    description: 'Uses the token from the mail. Verifies the email and revokes all sessions.',
    errors: [TokenInvalidError],
  })
  @Public()
  async resetPassword(@Body({ schema: resetPasswordSchema }) body: ResetPassword) {
    await this.passwords.resetPassword(body);
  }

  @Post('change-password')
  @Endpoint({
    summary: 'Change the password',
    description: 'Revokes all other sessions.',
    errors: [WrongPasswordError],
  })
  async changePassword(
    @Body({ schema: changePasswordSchema }) body: ChangePassword,
    @CurrentUser() caller: Principal,
  ) {
    await this.passwords.changePassword(body, caller);
  }
}
