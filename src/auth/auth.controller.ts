import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForbiddenError } from '../platform/errors/platform.errors.ts';
import { accepted, acceptedSchema, item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { CurrentUser, Public } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { RateLimit } from '../platform/security/rate-limit.decorator.ts';
import {
  AccountSuspendedError,
  EmailNotVerifiedError,
  InvalidCredentialsError,
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
import { clearRefreshCookie } from './sessions/refresh-cookie.ts';
import { RefreshTokenTransport } from './refresh-token-transport.service.ts';
import { RegistrationService } from './registration.service.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from './sessions/sessions.errors.ts';

@Controller({ path: 'auth', version: '1' })
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly registration: RegistrationService,
    private readonly tokens: RefreshTokenTransport,
  ) {}

  @Post('register')
  @Endpoint({
    summary: 'Register an address',
    description: 'A mail follows: a link to confirm the address, or word that it already has an account.',
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
  @Endpoint({ summary: 'Confirm an address with the token of its mail', errors: [TokenInvalidError] })
  @Public()
  async verifyEmail(@Body({ schema: verifyEmailSchema }) { token }: VerifyEmail) {
    await this.registration.verifyEmail(token);
  }

  @Post('verify-email/resend')
  @Endpoint({ summary: 'Send the confirmation once more', status: 202, returns: item(acceptedSchema) })
  @Public()
  @RateLimit('mail')
  async resendVerification(@Body({ schema: resendVerificationSchema }) { email }: ResendVerification) {
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
  @RateLimit('sign-in')
  async login(
    @Body({ schema: loginSchema }) body: Login,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const session = await this.auth.login(body, this.tokens.deviceOf(request));
    await this.tokens.revokeCurrentSession(request);
    return { data: await this.tokens.deliver(session, body.refreshTokenIn, reply) };
  }

  @Post('refresh')
  @Endpoint({
    summary: 'Exchange a refresh token for a new pair',
    description:
      'Within the grace after a refresh the same token gives the same successor; later it ends the session. A token ' +
      'in the cookie is taken only from pages of allowed origins, and its successor goes into the cookie again.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [RefreshTokenInvalidError, RefreshTokenReusedError, ForbiddenError],
  })
  @Public()
  async refresh(
    @Body({ schema: refreshSchema.default({}) }) body: Refresh,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { token, into } = this.tokens.readRefreshToken(request, body.refreshToken, body.refreshTokenIn);
    return { data: await this.tokens.deliver(await this.auth.refresh(token), into, reply) };
  }

  @Post('logout')
  @Endpoint({ summary: 'End this session' })
  async logout(@CurrentUser() caller: Principal, @Res({ passthrough: true }) reply: FastifyReply) {
    await this.auth.logout(caller);
    clearRefreshCookie(reply);
  }

  @Post('logout-all')
  @Endpoint({ summary: 'End every session of the own account' })
  async logoutAll(@CurrentUser() caller: Principal, @Res({ passthrough: true }) reply: FastifyReply) {
    await this.auth.logoutAll(caller);
    clearRefreshCookie(reply);
  }
}
