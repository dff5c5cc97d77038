import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { Principal } from '../platform/security/principal.ts';
import { AccountSuspendedError, EmailNotVerifiedError, InvalidCredentialsError } from './auth.errors.ts';
import type { Login } from './auth.schemas.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { SessionRefreshService } from './sessions/session-refresh.service.ts';
import { type Device, type LiveSession, SessionsService } from './sessions/sessions.service.ts';

/** Signing in with a password, staying signed in, signing out. */
@Injectable()
export class AuthService {
  constructor(
    private readonly db: DataSource,
    private readonly credentials: CredentialsService,
    private readonly sessions: SessionsService,
    private readonly refreshes: SessionRefreshService,
    private readonly audit: AuditService,
  ) {}

  /** What is wrong with an account is told only to who knows its password. */
  async login({ email, password }: Login, device: Device): Promise<LiveSession> {
    const user = await this.credentials.verify(email, password);
    if (!user) throw new InvalidCredentialsError();
    if (!user.emailVerifiedAt) throw new EmailNotVerifiedError();
    if (user.status === 'suspended') throw new AccountSuspendedError();
    return this.db.transaction(async (tx) => {
      await this.audit.record({ type: 'sign-in', userId: user.id, data: { method: 'password' } }, tx);
      return this.sessions.begin(user, device, tx);
    });
  }

  refresh(refreshToken: string): Promise<LiveSession> {
    return this.refreshes.refresh(refreshToken);
  }

  logout({ sessionId, userId }: Principal): Promise<void> {
    return this.db.transaction(async (tx) => {
      await this.sessions.end(sessionId, 'logout', tx);
      await this.audit.record({ type: 'sign-out', userId }, tx);
    });
  }

  async logoutAll({ userId }: Principal): Promise<void> {
    const ended = await this.db.transaction(async (tx) => {
      await this.audit.record({ type: 'sign-out', userId, data: { sessions: 'all' } }, tx);
      return this.sessions.endAllOf(userId, 'logout', tx);
    });
    this.sessions.announceEnded(ended);
  }
}
