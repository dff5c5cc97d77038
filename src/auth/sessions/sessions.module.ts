import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { AccountNoticesModule } from '../notices/account-notices.module.ts';
import { AccessTokensService } from './access-tokens.service.ts';
import { ReuseAlarm, SessionRefreshService } from './session-refresh.service.ts';
import { Session } from './session.entity.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { SessionsService } from './sessions.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Session]), AuditModule, AccountNoticesModule],
  providers: [SessionsService, SessionRefreshService, ReuseAlarm, SessionRevocations, AccessTokensService],
  exports: [SessionsService, SessionRefreshService, SessionRevocations, AccessTokensService],
})
export class SessionsModule {}
