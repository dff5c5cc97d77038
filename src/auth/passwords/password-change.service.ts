import { Injectable } from '@nestjs/common';
import type { Principal } from '../../platform/security/principal.ts';
import { UsersService } from '../../users/users.service.ts';
import { WrongPasswordError } from '../auth.errors.ts';
import { CredentialsService } from './credentials.service.ts';
import { NewPasswordService } from './new-password.service.ts';
import { assertWithoutEmail } from './password.schema.ts';
import type { ChangePassword } from './passwords.schemas.ts';

@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly newPasswords: NewPasswordService,
  ) {}

  /** A wrong current password counts as a failed sign-in, so that a stolen session can't be used to guess it. */
  async change(
    { currentPassword, newPassword }: ChangePassword,
    { userId, sessionId }: Principal,
  ): Promise<void> {
    const { email } = await this.users.get(userId);
    assertWithoutEmail(newPassword, email, 'newPassword');
    const user = await this.credentials.verify(email, currentPassword, { sessionId });
    if (user?.id !== userId) throw new WrongPasswordError();
    await this.newPasswords.set(
      { password: newPassword, event: 'password-changed', keepSessionId: sessionId },
      // Of two parallel changes, the second was authorized by a password that is no longer valid.
      async (tx) => {
        const locked = await this.users.findForUpdate(userId, tx);
        if (locked?.passwordHash !== user.passwordHash) throw new WrongPasswordError();
        return locked;
      },
    );
  }
}
