import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { type MailLimit, MailService } from '../mail/mail.service.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { TokenInvalidError } from './auth.errors.ts';
import type { Register } from './auth.schemas.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { PasswordHasher } from './passwords/password-hasher.service.ts';

const VERIFICATION_LIMIT: MailLimit = { perMinute: 1, perHour: 5 };
const NOTICE_LIMIT: MailLimit = { perHour: 1 };

/** How an address becomes an account that may sign in. */
@Injectable()
export class RegistrationService {
  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly tokens: EmailTokensService,
    private readonly mail: MailService,
    private readonly audit: AuditService,
  ) {}

  /** Always answers the same, so that a stranger can't learn who has an account. */
  async register({ email, password, displayName }: Register): Promise<void> {
    const passwordHash = await this.hasher.hash(password);
    await this.users.transaction(async (tx) => {
      const { user, isNew } = await this.users.createUnlessTaken({ email, passwordHash, displayName }, tx);
      if (user.emailVerifiedAt) {
        await this.mail.sendWithin(NOTICE_LIMIT, 'already-registered', user, tx);
        return;
      }
      const wasSent = await this.mail.sendWithin(VERIFICATION_LIMIT, 'verify-email', user, tx);
      // Whoever follows the newest link gets the password that was registered with it. Otherwise a stranger could
      // register first, and the owner of the address would confirm the stranger's password.
      if (!isNew && wasSent) await this.users.change(user.id, { passwordHash, displayName }, undefined, tx);
    });
  }

  async verifyEmail(token: string): Promise<void> {
    await this.users.transaction(async (tx) => {
      const { userId, email } = await this.tokens.consume('verify-email', token, tx);
      const user = await this.lock(email, tx);
      if (user?.id !== userId) throw new TokenInvalidError();
      await this.users.change(userId, { emailVerifiedAt: new Date() }, undefined, tx);
      await this.audit.record({ type: 'email-verified', userId }, tx);
    });
  }

  async resendVerification(email: string): Promise<void> {
    await this.users.transaction(async (tx) => {
      const user = await this.lock(email, tx);
      // An account without a password was not registered by anyone: there is nothing that the link could confirm.
      if (!user?.passwordHash || user.emailVerifiedAt) return;
      await this.mail.sendWithin(VERIFICATION_LIMIT, 'verify-email', user, tx);
    });
  }

  private lock(email: string, tx: EntityManager): Promise<User | null> {
    return this.users.findByEmailForUpdate(email, tx);
  }
}
