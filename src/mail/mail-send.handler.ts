import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { z } from 'zod';
import { IdentitiesService } from '../auth/oauth/identities.service.ts';
import { type JobContext, UnrecoverableJobError, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import type { RenderedMail } from './mail-template.ts';
import { encryptedContentPlace, Mail } from './mail.entity.ts';
import { mailSend } from './mail.service.ts';
import { MailTransport, RecipientRejectedError } from './mail.transport.ts';

@JobHandler(mailSend)
export class MailSendHandler implements JobRunner<z.output<typeof mailSend.input>> {
  constructor(
    @InjectRepository(Mail) private readonly mails: Repository<Mail>,
    private readonly identities: IdentitiesService,
    private readonly encryption: EncryptionService,
    private readonly transport: MailTransport,
  ) {}

  async run({ mailId }: z.output<typeof mailSend.input>, ctx: JobContext): Promise<void> {
    const mail = await this.findSendable(mailId);
    if (!mail?.encryptedContent) return;
    if (await this.identities.isEmailMuted(mail.userId, mail.recipient)) return;
    const content = this.encryption.decrypt(encryptedContentPlace(mail.id), mail.encryptedContent);
    await this.transport
      .send({
        id: mail.id,
        to: mail.recipient,
        correlationId: ctx.job.correlationId,
        ...(JSON.parse(content) as RenderedMail),
      })
      .catch(failIfRecipientRejected);
    await ctx.complete({}, async (tx) => {
      await tx.update(Mail, { id: mail.id }, { sentAt: () => 'now()', encryptedContent: null });
    });
  }

  /** Null if the mail was sent or cancelled, has expired, or belongs to a deleted account. */
  private findSendable(id: string): Promise<Mail | null> {
    return this.mails
      .createQueryBuilder('mail')
      .innerJoin('mail.user', 'user', 'user.deletedAt IS NULL')
      .where('mail.id = :id AND mail.sentAt IS NULL', { id })
      .andWhere('(mail.expiresAt IS NULL OR mail.expiresAt > now())')
      .getOne();
  }
}

function failIfRecipientRejected(error: Error): never {
  if (error instanceof RecipientRejectedError)
    throw new UnrecoverableJobError('RECIPIENT_REJECTED', error.message);
  throw error;
}
