import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { deleteByColumn, PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { Mail } from './mail.entity.ts';
import { mailSend, MailService } from './mail.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([Mail]),
    PersonalDataModule.forFeature([
      {
        table: 'mails',
        exported: {
          file: 'mails',
          columns: `template, recipient, created_at, sent_at`,
          where: `user_id = $1`,
        },
        erased: { sql: deleteByColumn('mails', 'user_id') },
      },
    ]),
    JobsModule.forFeature([mailSend]),
    RetentionModule.forFeature([{ table: 'mails', expired: `created_at < now() - interval '90 days'` }]),
  ],
  providers: [MailService],
  exports: [MailService],
})
export class MailModule {}
