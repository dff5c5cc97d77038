import { Body, Controller, Headers, Ip, Post } from '@nestjs/common';
import { item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { CurrentUser, Public } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import {
  AccountSuspendedError,
  EmailNotVerifiedError,
  InvalidCredentialsError,
  TokenInvalidError,
} from './auth.errors.ts';
import {
  acceptedSchema,
  type EmailOnly,
  emailOnlySchema,
  type Login,
  loginSchema,
  type Refresh,
  refreshSchema,
  type Register,
  registerSchema,
  tokenPairSchema,
  type VerifyEmail,
  verifyEmailSchema,
} from './auth.schemas.ts';
import { AuthService } from './auth.service.ts';
import { RegistrationService } from './registration.service.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from './sessions/sessions.errors.ts';

const accepted = { data: { status: 'accepted' } } as const;

@Controller({ path: 'auth', version: '1' })
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly registration: RegistrationService,
  ) {}

  @Post('register')
  @Endpoint({
    summary: 'Register an address',
    description: 'A mail follows: a link to confirm the address, or word that it already has an account.',
    status: 202,
    returns: item(acceptedSchema),
  })
  @Public()
  async register(@Body({ schema: registerSchema }) body: Register) {
    await this.registration.register(body);
    return accepted;
  }

  @Post('verify-email')
  @Endpoint({ summary: 'Confirm an address with the token of its mail', errors: [TokenInvalidError] })
  @Public()
  async verifyEmail(@Body({ schema: verifyEmailSchema }) { token }: VerifyEmail) {
    await this.registration.verifyEmail(token);
  }

  @Post('verify-email/resend')
  @Endpoint({ summary: 'Send the confirmation once more', status: 202, returns: item(acceptedSchema) })
  @Public()
  async resendVerification(@Body({ schema: emailOnlySchema }) { email }: EmailOnly) {
    await this.registration.resendVerification(email);
    return accepted;
  }

  @Post('login')
  @Endpoint({
    summary: 'Sign in with a password',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [InvalidCredentialsError, EmailNotVerifiedError, AccountSuspendedError],
  })
  @Public()
  async login(
    @Body({ schema: loginSchema }) body: Login,
    @Headers('user-agent') userAgent: string | undefined,
    @Ip() ipAddress: string,
  ) {
    return { data: await this.auth.login(body, { userAgent: userAgent ?? null, ipAddress }) };
  }

  @Post('refresh')
  @Endpoint({
    summary: 'Exchange a refresh token for a new pair',
    description:
      'Within the grace after a refresh the same token gives the same successor; later it ends the session.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [RefreshTokenInvalidError, RefreshTokenReusedError],
  })
  @Public()
  async refresh(@Body({ schema: refreshSchema }) { refreshToken }: Refresh) {
    return { data: await this.auth.refresh(refreshToken) };
  }

  @Post('logout')
  @Endpoint({ summary: 'End this session' })
  async logout(@CurrentUser() { sessionId }: Principal) {
    await this.auth.logout(sessionId);
  }
}
