import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { Mail } from './mail.entity.ts';
import { mailSend, MailService } from './mail.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Mail]),
    JobsModule.forFeature([mailSend]),
    RetentionModule.forFeature([{ table: 'mails', expired: `created_at < now() - interval '90 days'` }]),
  ],
  providers: [MailService],
  exports: [MailService],
})
export class MailModule {}
