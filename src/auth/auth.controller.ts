import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForbiddenError } from '../platform/errors/platform.errors.ts';
import { accepted, acceptedSchema, item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { RateLimit } from '../platform/security/rate-limit.decorator.ts';
import { AccountLinkRequests } from './account-links.service.ts';
import {
  AccountSuspendedError,
  EmailNotVerifiedError,
  InvalidCredentialsError,
  RefreshTokenInvalidError,
  RefreshTokenReusedError,
  TokenInvalidError,
} from './auth.errors.ts';
import {
  type Login,
  loginSchema,
  type Refresh,
  refreshSchema,
  type Register,
  registerSchema,
  type ResendVerification,
  resendVerificationSchema,
  tokenPairSchema,
  type VerifyEmail,
  verifyEmailSchema,
} from './auth.schemas.ts';
import { AuthService } from './auth.service.ts';
import { EmailVerificationService } from './email-verification.service.ts';
import { RefreshTokenTransport } from './refresh-token-transport.service.ts';
import { RegistrationService } from './registration.service.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';

@Tag('Authentication', 'Accounts, sessions, passwords and sign-in with a provider.')
@Controller({ path: 'auth', version: '1' })
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly registration: RegistrationService,
    private readonly verification: EmailVerificationService,
    private readonly links: AccountLinkRequests,
    private readonly tokens: RefreshTokenTransport,
    private readonly refreshes: SessionRefreshService,
  ) {}

  @Post('register')
  @Endpoint({
    summary: 'Register an account',
    description:
      'Sends a mail: a link to verify the email, or a notice if it already has an account. The response is always the same.',
    status: 202,
    returns: item(acceptedSchema),
  })
  @Public()
  @RateLimit('mail')
  async register(@Body({ schema: registerSchema }) body: Register) {
    await this.registration.register(body);
    return accepted;
  }

  @Post('verify-email')
  @Endpoint({
    summary: 'Verify an email and sign in',
    description:
      'Needs the token from the mail and the password of that registration. A wrong password leaves the token valid. ' +
      'Without the password, reset it instead.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [TokenInvalidError, InvalidCredentialsError, AccountSuspendedError],
  })
  @Public()
  @RateLimit('sign-in')
  async verifyEmail(
    @Body({ schema: verifyEmailSchema }) body: VerifyEmail,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const session = await this.verification.verify(body, this.tokens.deviceOf(request));
    return { data: await this.tokens.completeSignIn(session, body.refreshTokenIn, request, reply) };
  }

  @Post('verify-email/resend')
  @Endpoint({
    summary: 'Resend the verification mail',
    description: 'Sends the newest link again, if the email has an unverified account.',
    status: 202,
    returns: item(acceptedSchema),
  })
  @Public()
  @RateLimit('mail')
  async resendVerificationEmail(@Body({ schema: resendVerificationSchema }) { email }: ResendVerification) {
    await this.links.requestLink('verify-email', email);
    return accepted;
  }

  @Post('login')
  @Endpoint({
    summary: 'Sign in with a password',
    description:
      'Returns an access token and a refresh token. After ten failures in a row the account must wait, at first one minute.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [InvalidCredentialsError, EmailNotVerifiedError, AccountSuspendedError],
  })
  @Public()
  @RateLimit('sign-in')
  async login(
    @Body({ schema: loginSchema }) body: Login,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const session = await this.auth.login(body, this.tokens.deviceOf(request));
    return { data: await this.tokens.completeSignIn(session, body.refreshTokenIn, request, reply) };
  }

  @Post('refresh')
  @Endpoint({
    summary: 'Refresh the tokens',
    description:
      'A retry within the grace period returns the same new refresh token. Later use of an old token revokes the session. ' +
      'A token in the cookie is accepted only from pages of allowed origins, and the new one is sent in the cookie again.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [RefreshTokenInvalidError, RefreshTokenReusedError, ForbiddenError],
  })
  @Public()
  async refreshTokens(
    @Body({ schema: refreshSchema.default({}) }) body: Refresh,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { token, refreshTokenIn } = this.tokens.readRefreshToken(
      request,
      body.refreshToken,
      body.refreshTokenIn,
    );
    const session = await this.refreshes.rotateRefreshToken(token);
    return { data: this.tokens.sendTokens(session, refreshTokenIn, reply) };
  }

  @Post('logout')
  @Endpoint({
    summary: 'Sign out',
    description: 'Revokes the session of the access token and clears the refresh cookie.',
  })
  async logout(@CurrentUser() caller: Principal, @Res({ passthrough: true }) reply: FastifyReply) {
    await this.auth.logout(caller);
    this.tokens.clearCookie(reply);
  }

  @Post('logout-all')
  @Endpoint({ summary: 'Sign out on all devices', description: 'Revokes all your sessions, this one too.' })
  async logoutAll(@CurrentUser() caller: Principal, @Res({ passthrough: true }) reply: FastifyReply) {
    await this.auth.logoutAll(caller);
    this.tokens.clearCookie(reply);
  }
}
