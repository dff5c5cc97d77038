import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, In, IsNull } from 'typeorm';
import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
import { JobsService } from '../jobs/jobs.service.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import { type MailTemplate, MailTemplates } from './mail-template.ts';
import { encryptedDataPlace, Mail } from './mail.entity.ts';

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

export interface NewMail<Schema extends z.ZodObject> {
  template: MailTemplate<Schema>;
  to: Recipient;
  data: z.input<Schema>;
  /** Not sent after this time, because its link has expired. */
  expiresAt?: Date;
}

const DATA_MAX_BYTES = 20_000;

/** How many mails of one template a user may get. */
export interface MailLimit {
  perMinute?: number;
  perHour: number;
}

/** Stores the data of a mail in the caller's transaction. A job renders and sends the mail after the commit. */
@Injectable()
export class MailService {
  constructor(
    private readonly jobs: JobsService,
    private readonly encryption: EncryptionService,
    private readonly templates: MailTemplates,
  ) {}

  async send<Schema extends z.ZodObject>(
    { template, to, data, expiresAt }: NewMail<Schema>,
    tx: EntityManager,
  ): Promise<void> {
    if (!this.templates.find(template.name))
      throw new Error(`The mail template ${template.name} is not registered`);
    const id = randomUUIDv7();
    await tx.insert(Mail, {
      id,
      userId: to.id,
      template: template.name,
      recipient: to.email,
      encryptedData: this.encryption.encrypt(encryptedDataPlace(id), storedData(template, data)),
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

/** Checks the data as the worker reads it, so that an error appears here and not in the job. */
function storedData<Schema extends z.ZodObject>(template: MailTemplate<Schema>, data: unknown): string {
  const json = JSON.stringify(data);
  if (Buffer.byteLength(json) > DATA_MAX_BYTES)
    throw new Error(`The data of the mail ${template.name} is too large`);
  template.data.parse(JSON.parse(json));
  return json;
}
