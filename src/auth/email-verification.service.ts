import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { emailVerified } from './auth.audit.ts';
import { InvalidCredentialsError, TokenInvalidError } from './auth.errors.ts';
import type { VerifyEmail } from './auth.schemas.ts';
import { AuthService, type SignInDevice } from './auth.service.ts';
import type { EmailToken } from './email-token.entity.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import type { ActiveSession } from './sessions/sessions.service.ts';

@Injectable()
export class EmailVerificationService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly tokens: EmailTokensService,
    private readonly credentials: CredentialsService,
    private readonly auth: AuthService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Verifies the email and signs in. Needs the password of the registration, because an attacker may have
   * registered the email. A click of the owner would then activate the attacker's password (account pre-hijacking,
   * docs/decisions/0027). For one hour, a second use of the link signs in again.
   */
  async verify({ token: secret, password }: VerifyEmail, device: SignInDevice): Promise<ActiveSession> {
    const token = await this.tokens.get('verify-email', secret);
    const user = await this.users.find(token.userId);
    if (user?.email !== token.email) throw new TokenInvalidError();
    const passwordHash = token.consumedAt ? user.passwordHash : token.passwordHash;
    if (!(await this.credentials.check({ email: user.email, user, passwordHash }, password, device))) {
      throw new InvalidCredentialsError();
    }
    return this.db.transaction(async (tx) => {
      const locked = await this.users.findForUpdate(user.id, tx);
      if (locked?.email !== token.email) throw new TokenInvalidError();
      const active = await this.activate(locked, token, passwordHash, tx);
      return this.auth.startSession(active, { method: 'password', device }, tx);
    });
  }

  private async activate(
    user: User,
    token: EmailToken,
    checkedHash: string | null,
    tx: EntityManager,
  ): Promise<User> {
    if (user.emailVerifiedAt) {
      // The link was used before. Reject it if the password was changed after the check.
      if (user.passwordHash !== checkedHash) throw new TokenInvalidError();
      return user;
    }
    if (!(await this.tokens.consume(token, tx))) throw new TokenInvalidError();
    const displayName = token.displayName ?? user.displayName;
    const changes = { passwordHash: token.passwordHash, displayName, emailVerifiedAt: new Date() };
    await this.audit.record({ type: emailVerified, userId: user.id, data: {} }, tx);
    return this.users.change({ id: user.id }, changes, tx);
  }
}
