import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import type { User } from '../../users/user.entity.ts';
import { userAccessReset } from '../../users/users.events.ts';
import { UsersService } from '../../users/users.service.ts';
import { AccessRevocationService } from '../access-revocation.service.ts';
import { PasswordHasher } from './password-hasher.service.ts';

interface NewPassword {
  password: string;
  event: 'password-reset' | 'password-changed';
  /** The session in which the password was changed goes on. */
  keepSessionId?: string;
}

/** Sets a password and does everything that follows, for a reset and for a change. */
@Injectable()
export class NewPasswordService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly access: AccessRevocationService,
    private readonly events: DomainEvents,
  ) {}

  /** `authorize` locks the user's row in the transaction, and throws if the password may not be set (any more). */
  async set(
    { password, event, keepSessionId }: NewPassword,
    authorize: (tx: EntityManager) => Promise<User>,
  ): Promise<void> {
    // Before the transaction, which must not stay open for the duration of a hash.
    const passwordHash = await this.hasher.hash(password);
    await this.db.transaction(async (tx) => {
      const user = await authorize(tx);
      const isReset = event === 'password-reset';
      // The token of a reset came by mail, so it proves the email too.
      const changes = {
        passwordHash,
        ...(isReset && !user.emailVerifiedAt && { emailVerifiedAt: new Date() }),
      };
      await this.users.change({ id: user.id }, changes, tx);
      if (isReset) await this.events.emit(userAccessReset, { userId: user.id, data: { id: user.id } }, tx);
      await this.access.revokeAll(user, event, tx, keepSessionId);
    });
  }
}
