import { Injectable } from '@nestjs/common';
import { UsersService } from '../users/users.service.ts';
import { AccountSuspendedError, EmailNotVerifiedError, InvalidCredentialsError } from './auth.errors.ts';
import type { Login } from './auth.schemas.ts';
import { PasswordsService } from './passwords.service.ts';
import { AccessTokensService, type TokenPair } from './sessions/access-tokens.service.ts';
import { type Device, SessionsService } from './sessions/sessions.service.ts';

/** Signing in with a password, staying signed in, signing out. */
@Injectable()
export class AuthService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly sessions: SessionsService,
    private readonly accessTokens: AccessTokensService,
  ) {}

  /** What is wrong with an account is told only to who knows its password. */
  async login({ email, password }: Login, device: Device): Promise<TokenPair> {
    const user = await this.users.findByEmail(email);
    const isRight = await this.passwords.matches(password, user?.passwordHash);
    if (!user || !isRight) throw new InvalidCredentialsError();
    if (!user.emailVerifiedAt) throw new EmailNotVerifiedError();
    if (user.status === 'suspended') throw new AccountSuspendedError();
    return this.accessTokens.pair(await this.sessions.begin(user, device));
  }

  async refresh(refreshToken: string): Promise<TokenPair> {
    return this.accessTokens.pair(await this.sessions.refresh(refreshToken));
  }

  logout(sessionId: string): Promise<void> {
    return this.sessions.end(sessionId, 'logout');
  }
}
