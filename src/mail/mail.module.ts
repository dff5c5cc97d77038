import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { Mail } from './mail.entity.ts';
import { MailService } from './mail.service.ts';
import { MailTransport } from './mail.transport.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Mail]), JobsModule],
  providers: [MailService, MailTransport],
  exports: [MailService, MailTransport, TypeOrmModule],
})
export class MailModule {}
