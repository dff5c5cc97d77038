import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OAuthModule } from '../auth/oauth/oauth.module.ts';
import { MailSendHandler } from './mail-send.handler.ts';
import { Mail } from './mail.entity.ts';
import { MailModule } from './mail.module.ts';
import { MailTransport } from './mail.transport.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Mail]), MailModule, OAuthModule],
  providers: [MailSendHandler, MailTransport],
})
export class MailWorkerModule {}
