import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.ts';
import type { Principal } from '../platform/security/principal.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { AccountSuspendedError, EmailNotVerifiedError, InvalidCredentialsError } from './auth.errors.ts';
import type { Login } from './auth.schemas.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';
import { type Device, type LiveSession, SessionsService } from './sessions/sessions.service.ts';

/** Signing in with a password, staying signed in, signing out. */
@Injectable()
export class AuthService {
  constructor(
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly sessions: SessionsService,
    private readonly refreshes: SessionRefreshService,
    private readonly audit: AuditService,
  ) {}

  /** What is wrong with an account is told only to who knows its password. */
  async login({ email, password }: Login, device: Device): Promise<LiveSession> {
    const verified = await this.credentials.verify(email, password);
    if (!verified) throw new InvalidCredentialsError();
    return this.users.transaction(async (tx) => {
      // Locked, and read anew: a reset or a suspension since must not miss the session that begins here.
      const user = openAccount(await this.users.findForUpdate(verified.id, tx), verified.passwordHash);
      await this.audit.record({ type: 'sign-in', userId: user.id, data: { method: 'password' } }, tx);
      return this.sessions.begin(user, device, tx);
    });
  }

  refresh(refreshToken: string): Promise<LiveSession> {
    return this.refreshes.refresh(refreshToken);
  }

  async logout({ sessionId, userId }: Principal): Promise<void> {
    await this.users.transaction(async (tx) => {
      await this.sessions.end(sessionId, 'logout', tx);
      await this.audit.record({ type: 'sign-out', userId }, tx);
    });
    this.sessions.announceEnded([sessionId]);
  }

  async logoutAll({ userId }: Principal): Promise<void> {
    const ended = await this.users.transaction(async (tx) => {
      await this.audit.record({ type: 'sign-out', userId, data: { sessions: 'all' } }, tx);
      return this.sessions.endAllOf(userId, 'logout', tx);
    });
    this.sessions.announceEnded(ended);
  }
}

function openAccount(user: User | null, verifiedHash: string | null): User {
  if (!user || user.passwordHash !== verifiedHash) throw new InvalidCredentialsError();
  if (!user.emailVerifiedAt) throw new EmailNotVerifiedError();
  if (user.status === 'suspended') throw new AccountSuspendedError();
  return user;
}
