import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type MailLimit, MailService } from '../mail/mail.service.ts';
import { violatedUniqueConstraint } from '../platform/database/postgres-errors.ts';
import { type Principal, requireRecentSignIn } from '../platform/security/principal.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { AccessRevocationService } from './access-revocation.service.ts';
import { EmailTakenError, TokenInvalidError, WrongPasswordError } from './auth.errors.ts';
import { alreadyRegisteredMail, confirmEmailChangeMail } from './auth.mails.ts';
import type { ChangeEmail } from './auth.schemas.ts';
import type { EmailToken } from './email-token.entity.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { ALREADY_REGISTERED_LIMIT } from './registration.service.ts';

const CONFIRMATION_LIMIT: MailLimit = { perMinute: 1, perHour: 5 };

/** The old email stays valid until the new one is confirmed, and is notified of the change. */
@Injectable()
export class EmailChangeService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly tokens: EmailTokensService,
    private readonly mail: MailService,
    private readonly access: AccessRevocationService,
  ) {}

  /** Returns the same response for an email that is taken: only its owner is notified. */
  async request({ newEmail, password }: ChangeEmail, caller: Principal): Promise<void> {
    const user = await this.authorize(await this.users.get(caller.userId), password, caller);
    const found = await this.users.findByEmail(newEmail);
    await this.db.transaction(async (tx) => {
      // Locked, so that parallel requests respect the mail limit and a parallel password reset is detected.
      const { locked, other } = await this.lockBoth(user.id, found?.id, tx);
      if (locked?.passwordHash !== user.passwordHash) throw new WrongPasswordError();
      if (other?.emailVerifiedAt) await this.notifyOwner(other, tx);
      else if (locked.email !== newEmail) await this.sendLink({ id: user.id, email: newEmail }, tx);
    });
  }

  /** For one hour, a second use of the link succeeds and changes nothing. */
  async confirm(secret: string): Promise<void> {
    const token = await this.tokens.get('confirm-email-change', secret);
    const found = await this.users.findByEmail(token.email);
    await this.db.transaction(async (tx) => {
      const { locked, other } = await this.lockBoth(token.userId, found?.id, tx);
      if (!locked) throw new TokenInvalidError();
      await this.changeEmail(locked, token, other, tx);
    });
  }

  private async changeEmail(
    before: User,
    token: EmailToken,
    other: User | undefined,
    tx: EntityManager,
  ): Promise<void> {
    const { email } = token;
    if (!(await this.tokens.consume(token, tx))) {
      // The token was consumed earlier or by a parallel request. Revoked tokens are deleted.
      if (before.email === email && (await this.tokens.exists(token, tx))) return;
      throw new TokenInvalidError();
    }
    // The link proves who owns the email. An unverified account with this email has no such proof.
    if (other) await this.users.deleteUnverified(other.id, tx);
    const changes = { email, emailVerifiedAt: new Date() };
    await this.users.change({ id: before.id }, changes, tx).catch(throwEmailTaken);
    await this.access.revokeAll(before, 'email-changed', tx);
  }

  private async lockBoth(userId: string, otherId: string | undefined, tx: EntityManager) {
    const users = await this.users.lockAll([userId, ...(otherId ? [otherId] : [])], tx);
    return {
      locked: users.find(({ id }) => id === userId),
      other: users.find(({ id }) => id !== userId),
    };
  }

  private async notifyOwner(owner: User, tx: EntityManager): Promise<void> {
    if (!(await this.mail.isWithinLimit(ALREADY_REGISTERED_LIMIT, alreadyRegisteredMail, owner.id, tx)))
      return;
    await this.mail.send({ template: alreadyRegisteredMail, to: owner, data: {} }, tx);
  }

  /** Revokes the link of an earlier request, so that only the latest new email can be confirmed. */
  private async sendLink(to: { id: string; email: string }, tx: EntityManager): Promise<void> {
    if (!(await this.mail.isWithinLimit(CONFIRMATION_LIMIT, confirmEmailChangeMail, to.id, tx))) return;
    await this.tokens.revokeAllOf(to.id, tx, ['confirm-email-change']);
    const { token, expiresAt } = await this.tokens.createLink('confirm-email-change', to, tx);
    await this.mail.send({ template: confirmEmailChangeMail, to, data: { token }, expiresAt }, tx);
  }

  /** Checks the password. An account without a password needs a recent sign-in instead. */
  private async authorize(user: User, password: string | undefined, caller: Principal): Promise<User> {
    if (!user.passwordHash) {
      requireRecentSignIn(caller);
      return user;
    }
    if (password === undefined) throw new WrongPasswordError();
    const { sessionId } = caller;
    const verified = await this.credentials.verify(user.email, password, { sessionId });
    if (verified?.id !== user.id) throw new WrongPasswordError();
    return verified;
  }
}

function throwEmailTaken(error: unknown): never {
  if (violatedUniqueConstraint(error) === 'users_email_key') throw new EmailTakenError();
  throw error;
}
