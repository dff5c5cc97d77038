import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { item } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Public } from '../../platform/security/access.decorators.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { tokenPairSchema } from '../auth.schemas.ts';
import { RefreshTokenTransport } from '../refresh-token-transport.service.ts';
import { browserSecret } from './browser-cookie.ts';
import { type Exchange, exchangeSchema } from './oauth.schemas.ts';
import { ProviderSignInService } from './provider-sign-in.service.ts';

@ApiTags('Authentication')
@Controller({ path: 'auth/oauth', version: '1' })
export class OAuthExchangeController {
  constructor(
    private readonly signIns: ProviderSignInService,
    private readonly tokens: RefreshTokenTransport,
  ) {}

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
    const browserOf = (provider: Parameters<typeof browserSecret>[1]) => browserSecret(request, provider);
    const session = await this.signIns.exchange(code, browserOf, this.tokens.deviceOf(request));
    return { data: await this.tokens.deliverSignIn(session, refreshTokenIn, request, reply) };
  }
}
