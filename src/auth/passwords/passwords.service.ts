import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Principal } from '../../platform/security/principal.ts';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { AccessRevocationService } from '../access-revocation.service.ts';
import { TokenInvalidError, WrongPasswordError } from '../auth.errors.ts';
import { EmailTokensService } from '../email-tokens.service.ts';
import { CredentialsService } from './credentials.service.ts';
import { PasswordHasher } from './password-hasher.service.ts';
import { assertWithoutEmail, type ChangePassword, type ResetPassword } from './passwords.schemas.ts';
import { SignInThrottle } from './sign-in-throttle.service.ts';

interface NewPassword {
  password: string;
  event: 'password-reset' | 'password-changed';
  /** The session that stays active. */
  keepSessionId?: string;
}

/** Resets and changes passwords. */
@Injectable()
export class PasswordsService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly tokens: EmailTokensService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: SignInThrottle,
    private readonly access: AccessRevocationService,
  ) {}

  /** Creates no session: the user signs in with the new password. Works during a sign-in block and removes it. */
  async resetPassword({ token: secret, password }: ResetPassword): Promise<void> {
    // Check the token before hashing the password, so that requests with an invalid token cost little.
    const token = await this.tokens.get('reset-password', secret);
    if (token.consumedAt) throw new TokenInvalidError();
    assertWithoutEmail(password, token.email, 'password');
    await this.setPassword({ password, event: 'password-reset' }, async (tx) => {
      const user = await this.users.findForUpdate(token.userId, tx);
      if (user?.email !== token.email || !(await this.tokens.consume(token, tx))) {
        throw new TokenInvalidError();
      }
      await this.throttle.clear(token.email, tx);
      return user;
    });
  }

  /** A wrong current password counts as a failed sign-in, so that a stolen session can't be used to guess it. */
  async changePassword(
    { currentPassword, newPassword }: ChangePassword,
    { userId, sessionId }: Principal,
  ): Promise<void> {
    const { email } = await this.users.get(userId);
    assertWithoutEmail(newPassword, email, 'newPassword');
    const user = await this.credentials.verify(email, currentPassword, { sessionId });
    if (user?.id !== userId) throw new WrongPasswordError();
    await this.setPassword(
      { password: newPassword, event: 'password-changed', keepSessionId: sessionId },
      async (tx) => {
        const locked = await this.users.findForUpdate(userId, tx);
        // A parallel request has changed the password that was checked.
        if (locked?.passwordHash !== user.passwordHash) throw new WrongPasswordError();
        return locked;
      },
    );
  }

  /** `authorize` locks the user's row in the transaction, and throws if the caller may no longer set the password. */
  private async setPassword(
    { password, event, keepSessionId }: NewPassword,
    authorize: (tx: EntityManager) => Promise<User>,
  ): Promise<void> {
    // Hash outside the transaction, so that it holds no lock during that time.
    const passwordHash = await this.hasher.hash(password);
    await this.db.transaction(async (tx) => {
      const user = await authorize(tx);
      // The reset token was sent by mail, so it also proves the email.
      const verifiesEmail = event === 'password-reset' && !user.emailVerifiedAt;
      const changes = { passwordHash, ...(verifiesEmail && { emailVerifiedAt: new Date() }) };
      await this.users.change({ id: user.id }, changes, tx);
      await this.access.revokeAll(user, event, tx, keepSessionId);
    });
  }
}
