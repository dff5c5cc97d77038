import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, MoreThan } from 'typeorm';
import { JobsService } from '../jobs/jobs.service.ts';
import { Mail } from './mail.entity.ts';
import { mailSend } from './mail-send.job.ts';
import type { MailTemplate } from './mail.templates.ts';

export interface Recipient {
  id: string;
  email: string;
}

/** How many of one template a person may be sent. */
export interface MailLimit {
  perMinute?: number;
  perHour: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Decides in the caller's transaction that a mail goes out; a job sends it once that has committed. */
@Injectable()
export class MailService {
  constructor(private readonly jobs: JobsService) {}

  async send(
    template: MailTemplate,
    { id: userId, email: recipient }: Recipient,
    tx: EntityManager,
  ): Promise<void> {
    const mail = tx.create(Mail, { id: randomUUIDv7(), userId, template, recipient });
    await tx.insert(Mail, mail);
    await this.jobs.enqueue(mailSend, { mailId: mail.id }, {}, tx);
  }

  /** False, and nothing is sent, where the person has had their share. The caller holds the lock of the user's row. */
  async sendWithin(
    limit: MailLimit,
    template: MailTemplate,
    to: Recipient,
    tx: EntityManager,
  ): Promise<boolean> {
    const sentSince = (ms: number) =>
      tx.countBy(Mail, { userId: to.id, template, createdAt: MoreThan(new Date(Date.now() - ms)) });
    if (limit.perMinute !== undefined && (await sentSince(MINUTE_MS)) >= limit.perMinute) return false;
    if ((await sentSince(HOUR_MS)) >= limit.perHour) return false;
    await this.send(template, to, tx);
    return true;
  }
}
