import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessGuard } from './access.guard.ts';
import { AccessTokensService } from './access-tokens.service.ts';
import { JwksController } from './jwks.controller.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { Session } from './session.entity.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { SessionsService } from './sessions.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Session]), PassportModule],
  controllers: [JwksController],
  providers: [
    SessionsService,
    SessionRevocations,
    AccessTokensService,
    JwtStrategy,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [SessionsService, AccessTokensService],
})
export class SessionsModule {}
