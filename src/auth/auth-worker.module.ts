import { Module } from '@nestjs/common';
import { AccountLinkSendHandler } from './account-link-send.handler.ts';
import { AuthModule } from './auth.module.ts';

@Module({ imports: [AuthModule], providers: [AccountLinkSendHandler] })
export class AuthWorkerModule {}
