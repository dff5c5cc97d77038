import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { AccessRevocationService } from '../access-revocation.service.ts';
import { PasswordHasher } from './password-hasher.service.ts';

interface NewPassword {
  password: string;
  event: 'password-reset' | 'password-changed';
  /** The session that may go on: the one in which the password was changed. */
  keepSessionId?: string;
}

/** Everything that follows from a new password, however it came about. */
@Injectable()
export class NewPasswordService {
  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly access: AccessRevocationService,
  ) {}

  /** `authorize` says, inside the transaction, whose password it is, or throws. */
  async set(
    { password, event, keepSessionId }: NewPassword,
    authorize: (tx: EntityManager) => Promise<User>,
  ): Promise<void> {
    // Before the transaction, which must not last as long as a hash.
    const passwordHash = await this.hasher.hash(password);
    const ended = await this.users.transaction(async (tx) => {
      const user = await authorize(tx);
      const isProven = event === 'password-reset' && !user.emailVerifiedAt;
      const changes = { passwordHash, ...(isProven && { emailVerifiedAt: new Date() }) };
      await this.users.change(user.id, changes, undefined, tx);
      return this.access.revokeAll(user, event, tx, keepSessionId);
    });
    this.access.announce(ended);
  }
}
