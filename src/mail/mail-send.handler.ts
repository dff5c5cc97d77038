import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { z } from 'zod';
import { IdentitiesService } from '../auth/oauth/identities.service.ts';
import { type JobContext, UnrecoverableJobError, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { Config } from '../platform/config/config.ts';
import { knownLocale } from '../platform/i18n/locales.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import { type MailTemplate, MailTemplates, type RenderedMail, renderMail } from './mail-template.ts';
import { encryptedDataPlace, Mail } from './mail.entity.ts';
import { mailSend } from './mail.service.ts';
import { MailTransport, RecipientRejectedError } from './mail.transport.ts';

@JobHandler(mailSend)
export class MailSendHandler implements JobRunner<z.output<typeof mailSend.input>> {
  constructor(
    @InjectRepository(Mail) private readonly mails: Repository<Mail>,
    private readonly identities: IdentitiesService,
    private readonly encryption: EncryptionService,
    private readonly transport: MailTransport,
    private readonly templates: MailTemplates,
    private readonly config: Config,
  ) {}

  async run({ mailId }: z.output<typeof mailSend.input>, ctx: JobContext): Promise<void> {
    const mail = await this.findUnsent(mailId);
    if (!mail?.encryptedData) return;
    const template = this.templateOf(mail);
    const isSendable = await this.isSendable(mail, template);
    if (isSendable) {
      await this.transport
        .send({
          id: mail.id,
          to: mail.recipient,
          correlationId: ctx.job.correlationId,
          ...this.render(mail, template),
        })
        .catch(failIfRecipientRejected);
    }
    const changes = { encryptedData: null, ...(isSendable && { sentAt: () => 'now()' }) };
    await ctx.complete({}, async (tx) => {
      await tx.update(Mail, { id: mail.id }, changes);
    });
  }

  /** Null if the mail was sent or cancelled, has expired, or belongs to a deleted account. */
  private findUnsent(id: string): Promise<Mail | null> {
    return this.mails
      .createQueryBuilder('mail')
      .innerJoin('mail.user', 'user', 'user.deletedAt IS NULL')
      .addSelect(['user.id', 'user.locale', 'user.emailVerifiedAt'])
      .where('mail.id = :id AND mail.sentAt IS NULL', { id })
      .andWhere('(mail.expiresAt IS NULL OR mail.expiresAt > now())')
      .getOne();
  }

  /** A worker of an older release doesn't know a new template. The job is tried again, so a newer worker gets it. */
  private templateOf({ template: name }: Mail): MailTemplate {
    const template = this.templates.find(name);
    if (!template) throw new Error(`The mail template ${name} is not registered`);
    return template;
  }

  private async isSendable(
    { userId, user, recipient }: Mail,
    { toUnverified }: MailTemplate,
  ): Promise<boolean> {
    if (!toUnverified && !user?.emailVerifiedAt) return false;
    return !(await this.identities.isEmailMuted(userId, recipient));
  }

  private render({ id, encryptedData, user }: Mail, template: MailTemplate): RenderedMail {
    const data: unknown = JSON.parse(this.encryption.decrypt(encryptedDataPlace(id), encryptedData!));
    const locale = knownLocale(user?.locale) ?? this.config.DEFAULT_LOCALE;
    return renderMail(template, data, { locale, frontendUrl: this.config.FRONTEND_URL });
  }
}

function failIfRecipientRejected(error: Error): never {
  if (error instanceof RecipientRejectedError)
    throw new UnrecoverableJobError('RECIPIENT_REJECTED', error.message);
  throw error;
}
