import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessTokensService } from './access-tokens.service.ts';
import { Session } from './session.entity.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { SessionsService } from './sessions.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Session])],
  providers: [SessionsService, SessionRevocations, AccessTokensService],
  exports: [SessionsService, SessionRevocations, AccessTokensService],
})
export class SessionsModule {}
