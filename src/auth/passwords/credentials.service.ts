import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { PasswordHasher } from './password-hasher.service.ts';
import { SignInThrottle } from './sign-in-throttle.service.ts';

/** Whether a password is right: the one place where one is tried, so that every try is counted. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: SignInThrottle,
    private readonly audit: AuditService,
  ) {}

  /** The account, or null for a wrong password and an unknown address alike, after the same work. */
  async verify(email: string, password: string): Promise<User | null> {
    await this.throttle.attempt(email);
    const user = await this.users.findByEmail(email);
    if (!(await this.hasher.matches(password, user?.passwordHash)) || !user) {
      await this.audit.record({ type: 'sign-in-failed', userId: user?.id ?? null }, this.db.manager);
      return null;
    }
    await this.throttle.clear(email);
    if (user.passwordHash && this.hasher.isOutdated(user.passwordHash)) await this.renewHash(user, password);
    return user;
  }

  /** Parameters are raised over the years; a sign-in is the only time at which the password is at hand. */
  private async renewHash(user: User, password: string): Promise<void> {
    const renewed = await this.hasher.hash(password);
    // Only over the hash that was verified: the password may have been changed meanwhile.
    const [, affected] = await this.db.query<[unknown, number]>(
      'UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2',
      [user.id, user.passwordHash, renewed],
    );
    // Callers compare it with the row to see whether the password is still the one that was verified.
    if (affected === 1) user.passwordHash = renewed;
    else await this.adoptHash(user, password);
  }

  /** Another sign-in may have been quicker to renew the hash. */
  private async adoptHash(user: User, password: string): Promise<void> {
    const now = await this.users.find(user.id);
    if (now && (await this.hasher.matches(password, now.passwordHash))) user.passwordHash = now.passwordHash;
  }
}
