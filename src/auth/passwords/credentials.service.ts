import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { signInBlocked, signInFailed } from '../auth.audit.ts';
import { PasswordHasher } from './password-hasher.service.ts';
import { type SignInSource, SignInThrottle } from './sign-in-throttle.service.ts';

interface Account {
  email: string;
  /** Null for an email without an account. */
  user: User | null;
  passwordHash: string | null;
}

/** The only place that checks passwords, so that every attempt is counted. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: SignInThrottle,
    private readonly audit: AuditService,
  ) {}

  /** Resolves to null for a wrong password and for an unknown email. Both take the same time. */
  async verify(email: string, password: string, source: SignInSource): Promise<User | null> {
    const user = await this.users.findByEmail(email);
    const passwordHash = user?.passwordHash ?? null;
    if (!(await this.check({ email, user, passwordHash }, password, source)) || !user) return null;
    if (passwordHash && this.hasher.isOutdated(passwordHash)) await this.renewHash(user, password);
    return user;
  }

  /** Checks the password against the given hash. Throws RATE_LIMITED while the account or the source is blocked. */
  async check(
    { email, user, passwordHash }: Account,
    password: string,
    source: SignInSource,
  ): Promise<boolean> {
    const attempt = await this.throttle.countAttempt(email, source, user?.id);
    const isCorrect = await this.hasher.matches(password, passwordHash).catch(async (error: unknown) => {
      // The hasher was busy, so the password was not checked.
      await this.throttle.undoAttempt(attempt);
      throw error;
    });
    if (isCorrect) {
      await this.throttle.recordSuccess(attempt);
      return true;
    }
    const userId = user?.id ?? null;
    await this.audit.record({ type: signInFailed, userId, data: {} }, this.db.manager);
    if (attempt.startsBlock)
      await this.audit.record({ type: signInBlocked, userId, data: {} }, this.db.manager);
    return false;
  }

  /** Hashes the password with the current parameters. Only a sign-in has the password that this needs. */
  private async renewHash(user: User, password: string): Promise<void> {
    const renewed = await this.hasher.hash(password);
    if (await this.users.replacePasswordHash(user, renewed)) user.passwordHash = renewed;
    else await this.adoptHash(user, password);
  }

  /** Another sign-in may have renewed the hash first. Callers compare the hash with the row to detect a changed password. */
  private async adoptHash(user: User, password: string): Promise<void> {
    const current = await this.users.find(user.id);
    if (current && (await this.hasher.matches(password, current.passwordHash))) {
      user.passwordHash = current.passwordHash;
    }
  }
}
