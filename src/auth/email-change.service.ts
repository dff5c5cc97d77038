import { Injectable } from '@nestjs/common';
import { violatedUniqueConstraint } from '../platform/database/postgres-errors.ts';
import type { Principal } from '../platform/security/principal.ts';
import { type MailLimit, MailService } from '../mail/mail.service.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { AccessRevocationService } from './access-revocation.service.ts';
import { EmailTakenError, TokenInvalidError, WrongPasswordError } from './auth.errors.ts';
import type { ChangeEmail } from './auth.schemas.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { requireRecentSignIn } from '../platform/security/recent-sign-in.ts';

const CONFIRMATION_LIMIT: MailLimit = { perMinute: 1, perHour: 5 };
const NOTICE_LIMIT: MailLimit = { perHour: 1 };

/** The old address stays the one to sign in with until the new one is confirmed, and is told when it changes. */
@Injectable()
export class EmailChangeService {
  constructor(
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly tokens: EmailTokensService,
    private readonly mail: MailService,
    private readonly access: AccessRevocationService,
  ) {}

  /** Answers the same for an address that is taken: only its owner hears of it. */
  async request({ newEmail, password }: ChangeEmail, caller: Principal): Promise<void> {
    const user = await this.prove(await this.users.get(caller.userId), password, caller);
    await this.users.transaction(async (tx) => {
      const owner = await this.users.findByEmailForUpdate(newEmail, tx);
      if (owner?.emailVerifiedAt) {
        if (owner.id !== user.id) await this.mail.sendWithin(NOTICE_LIMIT, 'already-registered', owner, tx);
        return;
      }
      // Locked: the limit of mails holds for many requests at once, and a reset since voids what was proven.
      const now = await this.users.findForUpdate(user.id, tx);
      if (now?.passwordHash !== user.passwordHash) throw new WrongPasswordError();
      const recipient = { id: user.id, email: newEmail };
      await this.mail.sendWithin(CONFIRMATION_LIMIT, 'confirm-email-change', recipient, tx);
    });
  }

  async confirm(token: string): Promise<void> {
    const ended = await this.users.transaction(async (tx) => {
      const { userId, email } = await this.tokens.consume('confirm-email-change', token, tx);
      const before = await this.users.findForUpdate(userId, tx);
      if (!before) throw new TokenInvalidError();
      await this.users
        .change(userId, { email, emailVerifiedAt: new Date() }, undefined, tx)
        .catch(refuseTaken);
      return this.access.revokeAll(before, 'email-changed', tx);
    });
    this.access.announce(ended);
  }

  /** By the password; an account that has none, by having just signed in. */
  private async prove(user: User, password: string | undefined, caller: Principal): Promise<User> {
    if (!user.passwordHash) {
      requireRecentSignIn(caller);
      return user;
    }
    const proven = password === undefined ? null : await this.credentials.verify(user.email, password);
    if (proven?.id !== user.id) throw new WrongPasswordError();
    return proven;
  }
}

function refuseTaken(error: unknown): never {
  if (violatedUniqueConstraint(error) === 'users_email_key') throw new EmailTakenError();
  throw error;
}
