import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { EventStreams } from '../../platform/http/event-streams.service.ts';
import { TokenVerifier } from '../../platform/security/principal.ts';
import { JwksController } from '../keys/jwks.controller.ts';
import { KeysModule } from '../keys/key-ring.ts';
import { AccessGuard } from './access.guard.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { PassportTokenVerifier } from './passport-token-verifier.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { SessionsController } from './sessions.controller.ts';
import { SessionsModule } from './sessions.module.ts';
import { VerifiedTokens } from './verified-tokens.service.ts';

/** Authentication of requests. Only the API imports it. Global, so that the platform gets the TokenVerifier. */
@Global()
@Module({
  imports: [SessionsModule, KeysModule, PassportModule],
  controllers: [JwksController, SessionsController],
  providers: [
    JwtStrategy,
    VerifiedTokens,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: TokenVerifier, useClass: PassportTokenVerifier },
  ],
  exports: [TokenVerifier],
})
export class AccessModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly revocations: SessionRevocations,
    private readonly streams: EventStreams,
  ) {}

  /** Loads the list before the first request, so that a restart doesn't accept the tokens of revoked sessions. */
  onModuleInit(): Promise<void> {
    this.streams.closeWhen(({ sessionId }) => this.revocations.has(sessionId));
    this.revocations.onRevoked(() => this.streams.closeRevoked());
    return this.revocations.startPolling();
  }

  onApplicationShutdown(): Promise<void> {
    return this.revocations.stopPolling();
  }
}
