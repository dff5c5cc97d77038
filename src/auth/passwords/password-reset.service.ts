import { Injectable } from '@nestjs/common';
import { UsersService } from '../../users/users.service.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { EmailTokensService } from '../email-tokens.service.ts';
import { NewPasswordService } from './new-password.service.ts';
import { assertWithoutEmail } from './password.schema.ts';
import type { ResetPassword } from './passwords.schemas.ts';
import { SignInThrottle } from './sign-in-throttle.service.ts';

@Injectable()
export class PasswordResetService {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: EmailTokensService,
    private readonly newPasswords: NewPasswordService,
    private readonly throttle: SignInThrottle,
  ) {}

  /** Starts no session: the client signs in with the new password. Works while sign-in is blocked, and ends the block. */
  async reset({ token: secret, password }: ResetPassword): Promise<void> {
    // Checked before the password is hashed, so that requests without a valid token cost little.
    const token = await this.tokens.get('reset-password', secret);
    if (token.consumedAt) throw new TokenInvalidError();
    assertWithoutEmail(password, token.email, 'password');
    await this.newPasswords.set({ password, event: 'password-reset' }, async (tx) => {
      const user = await this.users.findForUpdate(token.userId, tx);
      if (user?.email !== token.email || !(await this.tokens.consume(token, tx)))
        throw new TokenInvalidError();
      await this.throttle.clear(token.email, tx);
      return user;
    });
  }
}
