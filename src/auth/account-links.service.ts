import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
import { JobsService } from '../jobs/jobs.service.ts';
import { type MailLimit, MailService } from '../mail/mail.service.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { resetPasswordMail, verifyEmailMail } from './auth.mails.ts';
import { EmailTokensService, type RegistrationAttempt } from './email-tokens.service.ts';

/** The email is encrypted, because it may belong to a person without an account. */
export const accountLinkSend = defineJob({
  type: 'account-link-send',
  input: z.strictObject({ purpose: z.enum(['verify-email', 'reset-password']), encryptedEmail: z.string() }),
});

export type AccountLinkSend = z.output<typeof accountLinkSend.input>;

export const EMAIL_ENCRYPTION_CONTEXT = 'account-link-send email';

const LINK_LIMIT: MailLimit = { perMinute: 1, perHour: 5 };
const NEW_LINK_LIMIT: MailLimit = { perMinute: 1, perHour: Number.MAX_SAFE_INTEGER };

/** Sends links to verify an email or to choose a password. */
@Injectable()
export class AccountLinksService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly tokens: EmailTokensService,
    private readonly mail: MailService,
  ) {}

  /**
   * A valid link is sent again at most five times per hour. A new link is not limited by hour, because an attacker could
   * otherwise use up the limit and lock the owner out.
   */
  async sendResetLink(user: User, tx: EntityManager): Promise<void> {
    const existing = await this.tokens.findLink('reset-password', user, tx);
    const limit = existing ? LINK_LIMIT : NEW_LINK_LIMIT;
    if (!(await this.mail.isWithinLimit(limit, resetPasswordMail, user.id, tx))) return;
    const { token, expiresAt } = existing ?? (await this.tokens.createLink('reset-password', user, tx));
    await this.mail.send({ template: resetPasswordMail, to: user, data: { token }, expiresAt }, tx);
  }

  /** Without an attempt, sends the newest link again. */
  async sendVerificationLink(user: User, tx: EntityManager, attempt?: RegistrationAttempt): Promise<void> {
    if (!(await this.mail.isWithinLimit(LINK_LIMIT, verifyEmailMail, user.id, tx))) return;
    const existing = attempt ? null : await this.tokens.findLink('verify-email', user, tx);
    const { token, expiresAt } =
      existing ?? (await this.tokens.createLink('verify-email', user, tx, attempt ?? user));
    await this.mail.send({ template: verifyEmailMail, to: user, data: { token }, expiresAt }, tx);
  }

  /** Does nothing if the email has no account that needs the link. */
  async sendLinkTo(email: string, purpose: AccountLinkSend['purpose']): Promise<void> {
    await this.db.transaction(async (tx) => {
      const user = await this.users.findByEmailForUpdate(email, tx);
      if (!user) return;
      if (purpose === 'reset-password') await this.sendResetLink(user, tx);
      // An account without a password was imported, so there is no registration to verify.
      else if (user.passwordHash && !user.emailVerifiedAt) await this.sendVerificationLink(user, tx);
    });
  }
}

/**
 * Accepts requests of anonymous callers. Each request does the same work, so that its duration doesn't show who has an
 * account: a job looks the email up later.
 */
@Injectable()
export class AccountLinkRequests {
  constructor(
    private readonly db: DataSource,
    private readonly jobs: JobsService,
    private readonly encryption: EncryptionService,
  ) {}

  async requestLink(purpose: AccountLinkSend['purpose'], email: string): Promise<void> {
    const encryptedEmail = this.encryption.encrypt(EMAIL_ENCRYPTION_CONTEXT, email);
    await this.db.transaction((tx) =>
      this.jobs.enqueue(accountLinkSend, { purpose, encryptedEmail }, {}, tx),
    );
  }
}
