import { InjectRepository } from '@nestjs/typeorm';
import type { z } from 'zod';
import { type EntityManager, Repository } from 'typeorm';
import { EmailTokensService } from '../auth/email-tokens.service.ts';
import { type JobContext, JobFailure, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { UsersService } from '../users/users.service.ts';
import { Mail } from './mail.entity.ts';
import { mailSend } from './mail-send.job.ts';
import { renderMail } from './mail.templates.ts';
import { MailTransport } from './mail.transport.ts';

/** Sends one mail. The token in its link is derived here, since it must not be stored anywhere but as a hash. */
@JobHandler(mailSend)
export class MailSendHandler implements JobRunner<z.output<typeof mailSend.input>> {
  constructor(
    @InjectRepository(Mail) private readonly mails: Repository<Mail>,
    private readonly users: UsersService,
    private readonly tokens: EmailTokensService,
    private readonly transport: MailTransport,
  ) {}

  async run({ mailId }: z.output<typeof mailSend.input>, ctx: JobContext): Promise<void> {
    const prepared = await this.prepare(mailId);
    if (!prepared) return;
    const { mail, user, link } = prepared;
    const rendered = renderMail(mail.template, { displayName: user.displayName, link });
    const { correlationId } = ctx.job;
    const message = { id: mail.id, to: mail.recipient, correlationId, ...rendered };
    await this.transport.send(message).catch(failWhereRefused);
    await ctx.complete({}, async (tx) => {
      await tx.update(Mail, { id: mail.id }, { sentAt: new Date() });
    });
  }

  /**
   * Null for a mail that was sent already, voided since, too late, or to an address that is muted. Its row is locked while
   * its token is issued.
   */
  private prepare(mailId: string) {
    return this.mails.manager.transaction(async (tx) => {
      const mail = await tx.findOne(Mail, { where: { id: mailId }, lock: { mode: 'pessimistic_write' } });
      const user = mail && (await this.users.find(mail.userId, tx));
      if (!user || mail.sentAt || (await isMuted(mail, tx))) return null;
      const link = await this.tokens.linkFor(mail, tx);
      return link === null ? null : { mail, user, link };
    });
  }
}

/** A server that says for good that there is no such recipient (RFC 5321, section 4.2.1) would say so for days. */
function failWhereRefused(error: Error & { command?: string; responseCode?: number }): never {
  if (error.command === 'RCPT TO' && (error.responseCode ?? 0) >= 500) {
    throw new JobFailure('RECIPIENT_REFUSED', 'The mail server takes no mail for this address.');
  }
  throw error;
}

/** A relay address that its person has told the provider to forward nothing from. */
async function isMuted({ userId, recipient }: Mail, tx: EntityManager): Promise<boolean> {
  const identities = await tx.query<unknown[]>(
    `SELECT 1 FROM identities WHERE user_id = $1 AND email = $2 AND email_muted`,
    [userId, recipient],
  );
  return identities.length > 0;
}
