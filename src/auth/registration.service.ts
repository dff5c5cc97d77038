import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type MailLimit, MailService } from '../mail/mail.service.ts';
import { UsersService } from '../users/users.service.ts';
import { AccountLinksService } from './account-links.service.ts';
import { alreadyRegisteredMail } from './auth.mails.ts';
import type { Register } from './auth.schemas.ts';
import { PasswordHasher } from './passwords/password-hasher.service.ts';

export const ALREADY_REGISTERED_LIMIT: MailLimit = { perHour: 1 };

@Injectable()
export class RegistrationService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly links: AccountLinksService,
    private readonly mail: MailService,
  ) {}

  /**
   * Always returns the same response, so that an anonymous caller can't learn who has an account.
   *
   * A caller can register the email of another person. So each attempt keeps its password with its own link and
   * overwrites no other password (docs/decisions/0027).
   */
  async register({ email, password, displayName }: Register): Promise<void> {
    const passwordHash = await this.hasher.hash(password);
    await this.db.transaction(async (tx) => {
      const { user } = await this.users.createUnlessTaken({ email, passwordHash, displayName }, tx);
      if (user.emailVerifiedAt) {
        if (!(await this.mail.isWithinLimit(ALREADY_REGISTERED_LIMIT, alreadyRegisteredMail, user.id, tx)))
          return;
        await this.mail.send({ template: alreadyRegisteredMail, to: user, data: {} }, tx);
      } else if (user.passwordHash) {
        await this.links.sendVerificationLink(user, tx, { passwordHash, displayName });
      } else {
        // An imported account has no password. Its owner chooses one with the link in the mail.
        await this.links.sendResetLink(user, tx);
      }
    });
  }
}
