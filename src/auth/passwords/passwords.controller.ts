import { Body, Controller, Post } from '@nestjs/common';
import { accepted, acceptedSchema, item } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { CurrentUser, Public } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { RateLimit } from '../../platform/security/rate-limit.decorator.ts';
import { TokenInvalidError, WrongPasswordError } from '../auth.errors.ts';
import { PasswordChangeService } from './password-change.service.ts';
import { PasswordResetService } from './password-reset.service.ts';
import {
  type ChangePassword,
  changePasswordSchema,
  type ForgotPassword,
  forgotPasswordSchema,
  type ResetPassword,
  resetPasswordSchema,
} from './passwords.schemas.ts';

@Controller({ path: 'auth', version: '1' })
export class PasswordsController {
  constructor(
    private readonly resets: PasswordResetService,
    private readonly changes: PasswordChangeService,
  ) {}

  @Post('forgot-password')
  @Endpoint({ summary: 'Ask for a link to set a new password', status: 202, returns: item(acceptedSchema) })
  @Public()
  @RateLimit('mail')
  async forgot(@Body({ schema: forgotPasswordSchema }) { email }: ForgotPassword) {
    await this.resets.request(email);
    return accepted;
  }

  @Post('reset-password')
  @Endpoint({
    summary: 'Set a new password with the token of the mail',
    description: 'Ends every session. Confirms the address, since the token was sent there.',
    errors: [TokenInvalidError],
  })
  @Public()
  async reset(@Body({ schema: resetPasswordSchema }) body: ResetPassword) {
    await this.resets.reset(body);
  }

  @Post('change-password')
  @Endpoint({
    summary: 'Change the own password',
    description: 'Ends every other session.',
    errors: [WrongPasswordError],
  })
  async change(
    @Body({ schema: changePasswordSchema }) body: ChangePassword,
    @CurrentUser() caller: Principal,
  ) {
    await this.changes.change(body, caller);
  }
}
