import { Injectable } from '@nestjs/common';
import type { Principal } from '../../platform/security/principal.ts';
import { UsersService } from '../../users/users.service.ts';
import { WrongPasswordError } from '../auth.errors.ts';
import { CredentialsService } from './credentials.service.ts';
import { NewPasswordService } from './new-password.service.ts';
import { refuseAddress } from './password.schema.ts';
import type { ChangePassword } from './passwords.schemas.ts';

@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly newPasswords: NewPasswordService,
  ) {}

  /** A wrong current password counts as a failed sign-in: a stolen session must not be a way to guess it. */
  async change(
    { currentPassword, newPassword }: ChangePassword,
    { userId, sessionId }: Principal,
  ): Promise<void> {
    const { email } = await this.users.get(userId);
    refuseAddress(newPassword, email, 'newPassword');
    const user = await this.credentials.verify(email, currentPassword);
    if (user?.id !== userId) throw new WrongPasswordError();
    await this.newPasswords.set(
      { password: newPassword, event: 'password-changed', keepSessionId: sessionId },
      // Of two changes at once, the one that comes second was proven by a password that no longer holds.
      async (tx) => {
        const now = await this.users.findForUpdate(userId, tx);
        if (now?.passwordHash !== user.passwordHash) throw new WrongPasswordError();
        return now;
      },
    );
  }
}
