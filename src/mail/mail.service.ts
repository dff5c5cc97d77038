import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, In, IsNull } from 'typeorm';
import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
import { JobsService } from '../jobs/jobs.service.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import { type MailTemplate, renderMail } from './mail-template.ts';
import { encryptedContentPlace, Mail } from './mail.entity.ts';

/** Contains ids only, no personal data. */
export const mailSend = defineJob({
  type: 'mail-send',
  input: z.strictObject({ mailId: z.guid() }),
  // About one day, so that a mail server can be down overnight.
  attempts: 300,
  timeoutSeconds: 30,
});

export interface Recipient {
  /** Id of the user. */
  id: string;
  email: string;
}

export interface NewMail<Data> {
  template: MailTemplate<Data>;
  to: Recipient;
  data: Data;
  /** Not sent after this time, because its link has expired. */
  expiresAt?: Date;
}

/** How many mails of one template a user may get. */
export interface MailLimit {
  perMinute?: number;
  perHour: number;
}

/** Stores a mail in the caller's transaction. A job sends it after the commit. */
@Injectable()
export class MailService {
  constructor(
    private readonly jobs: JobsService,
    private readonly encryption: EncryptionService,
  ) {}

  async send<Data>({ template, to, data, expiresAt }: NewMail<Data>, tx: EntityManager): Promise<void> {
    const id = randomUUIDv7();
    const content = JSON.stringify(renderMail(template, data));
    await tx.insert(Mail, {
      id,
      userId: to.id,
      template: template.name,
      recipient: to.email,
      encryptedContent: this.encryption.encrypt(encryptedContentPlace(id), content),
      expiresAt: expiresAt ?? null,
    });
    await this.jobs.enqueue(mailSend, { mailId: id }, {}, tx);
  }

  /** Whether the user may get another mail of this template. Exact only if the caller has locked the user's row. */
  async isWithinLimit(
    { perMinute = Number.MAX_SAFE_INTEGER, perHour }: MailLimit,
    template: Pick<MailTemplate, 'name'>,
    userId: string,
    tx: EntityManager,
  ): Promise<boolean> {
    const [sent] = await tx.query<{ minute: number; hour: number }[]>(
      `SELECT count(*) FILTER (WHERE created_at > now() - interval '1 minute')::int AS minute, count(*)::int AS hour
       FROM mails WHERE user_id = $1 AND template = $2 AND created_at > now() - interval '1 hour'`,
      [userId, template.name],
    );
    return sent!.minute < perMinute && sent!.hour < perHour;
  }

  /** Removes mails of these templates that were not sent yet, for example because their links were revoked. */
  async cancelUnsent(userId: string, templates: readonly string[], tx: EntityManager): Promise<void> {
    await tx.delete(Mail, { userId, template: In(templates), sentAt: IsNull() });
  }
}
