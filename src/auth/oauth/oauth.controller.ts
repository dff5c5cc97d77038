import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../../platform/config/config.ts';
import { AppError } from '../../platform/errors/app-error.ts';
import {
  NotFoundError,
  RateLimitedError,
  RecentSignInRequiredError,
  ValidationFailedError,
} from '../../platform/errors/platform.errors.ts';
import { Consumes, FORM } from '../../platform/http/consumes.decorator.ts';
import { item, list } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../../platform/security/access.decorators.ts';
import { type Principal, requireRecentSignIn } from '../../platform/security/principal.ts';
import { RateLimit } from '../../platform/security/rate-limit.decorator.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { tokenPairSchema } from '../auth.schemas.ts';
import { RefreshTokenTransport } from '../refresh-token-transport.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { createSecret } from './oauth-attempts.service.ts';
import { OAuthSignInService } from './oauth-sign-in.service.ts';
import {
  OAuthStateInvalidError,
  ProviderUnavailableError,
  REDIRECT_ERRORS,
  ReturnToNotAllowedError,
} from './oauth.errors.ts';
import {
  authorizationUrlSchema,
  type StartLink,
  startLinkSchema,
  type StartQuery,
  startQuerySchema,
  callbackFormSchema,
  callbackQuerySchema,
  type Exchange,
  exchangeSchema,
  type OAuthCallback,
  providerNameSchema,
  providerSchema,
} from './oauth.schemas.ts';
import { addOutcome, OAuthService } from './oauth.service.ts';
import type { Provider } from './providers/provider.ts';
import { ProvidersService } from './providers/providers.service.ts';

const BROWSER_SECRET = /^[\w-]{43}$/;
/** The lifetime of the attempt (10 minutes) plus that of its code (1 minute). */
const BROWSER_COOKIE_SECONDS = 11 * 60;

const LOCATION = 'The URL that the browser opens next.';

const callbackEndpoint = {
  summary: 'Handle the callback of a provider',
  description:
    'Redirects to `returnTo` with `code=` (exchange it for tokens), `linked=` or `error=`. Values of `error=`: ' +
    '`access_denied`, `provider_unavailable`, `provider_error`, `account_exists`, `identity_conflict` or ' +
    '`email_unverified`.',
  status: 302,
  location: LOCATION,
  errors: [OAuthStateInvalidError],
  redirectErrors: REDIRECT_ERRORS,
};

@Tag('Authentication')
@Controller({ path: 'auth/oauth', version: '1' })
export class OAuthController {
  constructor(
    private readonly config: Config,
    private readonly providers: ProvidersService,
    private readonly oauth: OAuthService,
    private readonly signIns: OAuthSignInService,
    private readonly tokens: RefreshTokenTransport,
  ) {}

  @Get()
  @Endpoint({
    summary: 'List the sign-in providers',
    description: 'Only the configured ones. Send the browser to `url` to start the sign-in.',
    returns: list(providerSchema),
  })
  @Public()
  listProviders() {
    const url = (provider: ProviderName) => `${this.config.PUBLIC_URL}/v1/auth/oauth/${provider}`;
    return { data: this.providers.names().map((provider) => ({ provider, url: url(provider) })) };
  }

  @Get(':provider')
  @Endpoint({
    summary: 'Start a sign-in with a provider',
    description:
      'Open this URL in a browser, not from a script. Only the browser that starts the sign-in can finish it.',
    status: 302,
    location: LOCATION,
    errors: [ReturnToNotAllowedError, ProviderUnavailableError, RateLimitedError],
  })
  @Public()
  @RateLimit('sign-in')
  async startProviderSignIn(
    @Param('provider', { schema: providerNameSchema }) name: ProviderName,
    @Query({ schema: startQuerySchema }) { returnTo }: StartQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const provider = this.providers.get(name);
    const browser = readBrowserSecret(reply.request, name) ?? createSecret();
    await this.redirect(reply, async () => {
      const url = await this.oauth.startSignIn(provider, { browser, returnTo });
      setBrowserCookie(reply, provider, browser);
      return url;
    });
  }

  @Post(':provider/link')
  @Endpoint({
    summary: 'Start to link a provider to your account',
    description: 'Needs a recent sign-in. The browser returns to `returnTo` with `linked=` or `error=`.',
    status: 200,
    returns: item(authorizationUrlSchema),
    errors: [ReturnToNotAllowedError, ProviderUnavailableError, RecentSignInRequiredError],
  })
  async startProviderLink(
    @Param('provider', { schema: providerNameSchema }) name: ProviderName,
    @Body({ schema: startLinkSchema }) { returnTo }: StartLink,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const provider = this.providers.get(name);
    requireRecentSignIn(caller);
    const browser = readBrowserSecret(reply.request, name) ?? createSecret();
    const linkSessionId = caller.sessionId;
    const authorizationUrl = await this.oauth.startSignIn(provider, { browser, returnTo, linkSessionId });
    setBrowserCookie(reply, provider, browser);
    return { data: { authorizationUrl } };
  }

  @Get(':provider/callback')
  // An invalid parameter counts as missing.
  @Endpoint({ ...callbackEndpoint, impossibleErrors: [ValidationFailedError] })
  @Public()
  async handleProviderCallback(
    @Param('provider', { schema: providerNameSchema }) name: ProviderName,
    @Query({ schema: callbackQuerySchema }) callback: OAuthCallback,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.redirect(reply, () => this.handleCallback('GET', name, callback, reply.request));
  }

  @Post(':provider/callback')
  @Endpoint({ ...callbackEndpoint, summary: 'Handle the form callback of a provider' })
  @Public()
  @Consumes(FORM)
  async handleProviderFormCallback(
    @Param('provider', { schema: providerNameSchema }) name: ProviderName,
    @Body({ schema: callbackFormSchema }) callback: OAuthCallback,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.redirect(reply, () => this.handleCallback('POST', name, callback, reply.request));
  }

  @Post('exchange')
  @Endpoint({
    summary: 'Exchange the code of a provider sign-in for tokens',
    description:
      'A code is valid for one minute and works once. Send the cookies of the browser that started the sign-in.',
    status: 200,
    returns: item(tokenPairSchema),
    errors: [TokenInvalidError],
  })
  @Public()
  async exchangeCode(
    @Body({ schema: exchangeSchema }) { code, refreshTokenIn }: Exchange,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const getBrowserSecret = (provider: ProviderName) => readBrowserSecret(request, provider);
    const session = await this.signIns.exchangeCode(code, getBrowserSecret, this.tokens.deviceOf(request));
    return { data: await this.tokens.completeSignIn(session, refreshTokenIn, request, reply) };
  }

  /** Redirects a browser to the frontend after an error, because a user can't read a problem document. */
  private async redirect(reply: FastifyReply, findLocation: () => Promise<string>): Promise<void> {
    const location = await findLocation().catch((error: unknown) => {
      if (!(error instanceof AppError) || !isNavigation(reply.request)) throw error;
      return addOutcome(this.config.FRONTEND_URL, 'error', error.problem.code.toLowerCase());
    });
    void reply.header('location', location);
  }

  private handleCallback(
    method: 'GET' | 'POST',
    name: ProviderName,
    callback: OAuthCallback,
    request: FastifyRequest,
  ) {
    const provider = this.providers.get(name);
    if (provider.callbackMethod !== method) throw new NotFoundError();
    return this.oauth.handleCallback(provider, callback, readBrowserSecret(request, name));
  }
}

/** Browsers send this header with every navigation, and scripts can't set it (W3C Fetch Metadata). */
const isNavigation = ({ headers }: FastifyRequest): boolean => headers['sec-fetch-mode'] === 'navigate';

/** With this prefix, browsers require Secure, Path=/ and no Domain. So another host can’t set this cookie. */
const browserCookieName = (provider: ProviderName) => `__Host-oauth-${provider}`;

/**
 * Identifies the browser that started a sign-in. Prevents an attacker from finishing their own sign-in or link in the
 * browser of another user (RFC 9700, section 4.7). Sign-ins in several tabs share it.
 */
function readBrowserSecret(request: FastifyRequest, provider: ProviderName): string | undefined {
  const secret = request.cookies[browserCookieName(provider)];
  return secret !== undefined && BROWSER_SECRET.test(secret) ? secret : undefined;
}

function setBrowserCookie(reply: FastifyReply, { name, callbackMethod }: Provider, secret: string): void {
  void reply.setCookie(browserCookieName(name), secret, {
    path: '/',
    httpOnly: true,
    secure: true,
    // Browsers don't send a Lax cookie with a form post from another site.
    sameSite: callbackMethod === 'POST' ? 'none' : 'lax',
    maxAge: BROWSER_COOKIE_SECONDS,
  });
}
