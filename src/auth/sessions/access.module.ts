import { Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { EventStreamsModule } from '../../platform/http/event-streams.module.ts';
import { EventStreams } from '../../platform/http/event-streams.service.ts';
import { AccessGuard } from './access.guard.ts';
import { JwksController } from './jwks.controller.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { SessionsController } from './sessions.controller.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { SessionsModule } from './sessions.module.ts';

/** Who may come in: imported by the HTTP process alone, since a worker has no callers. */
@Module({
  imports: [SessionsModule, PassportModule, EventStreamsModule],
  controllers: [JwksController, SessionsController],
  providers: [JwtStrategy, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class AccessModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly revocations: SessionRevocations,
    private readonly streams: EventStreams,
  ) {}

  /** No request is taken before the list is there: an ended session must not come back by a restart. */
  onModuleInit(): Promise<void> {
    this.streams.closeWhen(({ sessionId }) => this.revocations.has(sessionId));
    this.revocations.onEnded(() => this.streams.closeRevoked());
    return this.revocations.follow();
  }

  onApplicationShutdown(): Promise<void> {
    return this.revocations.stop();
  }
}
