import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { Principal } from '../platform/security/principal.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { signIn, signOut } from './auth.audit.ts';
import { AccountSuspendedError, EmailNotVerifiedError, InvalidCredentialsError } from './auth.errors.ts';
import type { Login } from './auth.schemas.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { type Device, type ActiveSession, SessionsService } from './sessions/sessions.service.ts';

/** The device of a sign-in. The cookie shows that the account has signed in on it before. */
export interface SignInDevice extends Device {
  deviceCookie?: string | undefined;
}

@Injectable()
export class AuthService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  /** Only a caller who knows the password learns that an account is unverified or suspended. */
  async login({ email, password }: Login, device: SignInDevice): Promise<ActiveSession> {
    const verified = await this.credentials.verify(email, password, device);
    if (!verified) throw new InvalidCredentialsError();
    return this.db.transaction(async (tx) => {
      // Lock and read the row again: a parallel reset or suspension must also revoke the new session.
      const user = await this.users.findForUpdate(verified.id, tx);
      if (!user || user.passwordHash !== verified.passwordHash) throw new InvalidCredentialsError();
      return this.startPasswordSession(user, device, tx);
    });
  }

  /** The caller has checked the password and locked the user's row. */
  async startPasswordSession(user: User, device: SignInDevice, tx: EntityManager): Promise<ActiveSession> {
    if (!user.emailVerifiedAt) throw new EmailNotVerifiedError();
    if (user.status === 'suspended') throw new AccountSuspendedError();
    await this.audit.record({ type: signIn, userId: user.id, data: { method: 'password' } }, tx);
    return this.sessions.createSession(user, device, tx);
  }

  async logout({ sessionId, userId }: Principal): Promise<void> {
    await this.db.transaction(async (tx) => {
      await this.sessions.revokeSession(sessionId, 'logout', tx);
      await this.audit.record({ type: signOut, userId, data: {} }, tx);
    });
  }

  async logoutAll({ userId }: Principal): Promise<void> {
    await this.db.transaction(async (tx) => {
      await this.audit.record({ type: signOut, userId, data: { sessions: 'all' } }, tx);
      await this.sessions.revokeAllSessions(userId, 'logout', tx);
    });
  }
}
