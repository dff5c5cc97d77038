import { Injectable } from '@nestjs/common';
import { type MailLimit, MailService } from '../../mail/mail.service.ts';
import { UsersService } from '../../users/users.service.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { EmailTokensService } from '../email-tokens.service.ts';
import { NewPasswordService } from './new-password.service.ts';
import { refuseAddress } from './password.schema.ts';
import type { ResetPassword } from './passwords.schemas.ts';
import { SignInThrottle } from './sign-in-throttle.service.ts';

const RESET_LIMIT: MailLimit = { perMinute: 1, perHour: 5 };

/** The way back in for who has forgotten the password; open even while guessing has the account throttled. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: EmailTokensService,
    private readonly mail: MailService,
    private readonly newPasswords: NewPasswordService,
    private readonly throttle: SignInThrottle,
  ) {}

  /** Says nothing of whether the address has an account; whoever reads its mail finds out. */
  async request(email: string): Promise<void> {
    await this.users.transaction(async (tx) => {
      const user = await this.users.findByEmailForUpdate(email, tx);
      if (user) await this.mail.sendWithin(RESET_LIMIT, 'reset-password', user, tx);
    });
  }

  /** Signs nobody in: the new password does. It proves the address as well, since the token came by mail. */
  async reset({ token, password }: ResetPassword): Promise<void> {
    await this.newPasswords.set({ password, event: 'password-reset' }, async (tx) => {
      const { userId, email } = await this.tokens.consume('reset-password', token, tx);
      const user = await this.users.findByEmailForUpdate(email, tx);
      if (user?.id !== userId) throw new TokenInvalidError();
      refuseAddress(password, email, 'password');
      await this.throttle.clear(email, tx);
      return user;
    });
  }
}
