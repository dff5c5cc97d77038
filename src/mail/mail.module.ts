import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { deleteByColumn, PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { type MailTemplate, MailTemplates } from './mail-template.ts';
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
    RetentionModule.forFeature([
      {
        table: 'mails',
        // A mail that could not be sent still has its data.
        expired: `(created_at < now() - interval '90 days'
          OR (sent_at IS NULL AND created_at < now() - interval '7 days'))`,
      },
    ]),
  ],
  providers: [MailService, MailTemplates],
  exports: [MailService, MailTemplates],
})
export class MailModule {
  /** For the feature that sends these mails. Both processes need it: the worker renders them. */
  static forFeature(templates: MailTemplate[]): DynamicModule {
    return registerIn(MailFeatureModule, MailTemplates, templates);
  }
}

@Module({ imports: [MailModule], exports: [MailModule] })
class MailFeatureModule {}
