import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailSendHandler } from './mail-send.handler.ts';
import { Mail } from './mail.entity.ts';
import { MailModule } from './mail.module.ts';
import { MailTransport } from './mail.transport.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Mail]), MailModule],
  providers: [MailSendHandler, MailTransport],
})
export class MailWorkerModule {}
