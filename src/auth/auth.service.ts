import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { emailSchema } from '../platform/http/schemas.ts';
import type { Principal } from '../platform/security/principal.ts';
import type { User } from '../users/user.entity.ts';
import { UsersService } from '../users/users.service.ts';
import { emailVerified, signIn, signOut } from './auth.audit.ts';
import {
  AccountSuspendedError,
  EmailNotVerifiedError,
  EmailTakenError,
  InvalidCredentialsError,
} from './auth.errors.ts';
import type { Login } from './auth.schemas.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { PasswordHasher } from './passwords/password-hasher.service.ts';
import { type Device, type ActiveSession, SessionsService } from './sessions/sessions.service.ts';

/** The device of a sign-in. The cookie shows that the account has signed in on it before. */
export interface SignInDevice extends Device {
  deviceCookie?: string | undefined;
}

interface NewAccount {
  email: string;
  displayName: string;
  /** If omitted, the account has no password until its owner resets it. */
  password?: string;
}

/** How the user signs in: `password`, `github`, `magic-link`. The audit event contains it. */
interface SignInBy {
  method: string;
  device: Device;
}

/** Starts and ends sessions. A product composes its own sign-in from these methods: docs/guides/sign-in.md. */
@Injectable()
export class AuthService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly credentials: CredentialsService,
    private readonly hasher: PasswordHasher,
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
      return this.startSession(user, { method: 'password', device }, tx);
    });
  }

  /**
   * Signs in a user whom your own check has identified: a link in a mail, LDAP. Throws INVALID_CREDENTIALS for a deleted
   * account.
   *
   * Danger: nothing is checked or counted here. Your check must resist guessing. Mark its route with
   * `@RateLimit('sign-in')`, and let a secret work once and for a short time. Call `login` for passwords, because it counts
   * failures per account.
   */
  signIn(userId: string, by: SignInBy): Promise<ActiveSession> {
    return this.db.transaction(async (tx) => {
      const user = await this.users.findForUpdate(userId, tx);
      if (!user) throw new InvalidCredentialsError();
      return this.startSession(user, by, tx);
    });
  }

  /**
   * Creates an account, marks its email as verified and signs in, in one transaction. Throws EMAIL_TAKEN.
   *
   * Danger: call it only if the caller has proved that the email is theirs, for example with the link of an invitation.
   * Otherwise an attacker registers the email of another person, who later uses an account that the attacker can open
   * (account pre-hijacking, docs/decisions/0027). EMAIL_TAKEN also reveals to an anonymous caller that the email
   * has an account. Without a proof, call `RegistrationService.register`.
   */
  async registerAndSignIn(
    { displayName, password, ...account }: NewAccount,
    by: SignInBy,
  ): Promise<ActiveSession> {
    // In lower case. Otherwise, Ada@example.com and ada@example.com would be two accounts.
    const email = emailSchema.parse(account.email);
    // Hash outside the transaction, so that it holds no lock during that time.
    const passwordHash = password === undefined ? null : await this.hasher.hash(password);
    return this.db.transaction(async (tx) => {
      const { user, isNew } = await this.users.createUnlessTaken({ email, passwordHash, displayName }, tx);
      if (!isNew) throw new EmailTakenError();
      const verified = await this.users.change({ id: user.id }, { emailVerifiedAt: new Date() }, tx);
      await this.audit.record({ type: emailVerified, userId: user.id, data: {} }, tx);
      return this.startSession(verified, by, tx);
    });
  }

  /**
   * The last step of every sign-in. The caller has identified the user and holds the lock of the user’s row. Without the
   * lock, a parallel suspension or reset would miss the new session. Throws EMAIL_NOT_VERIFIED or ACCOUNT_SUSPENDED.
   */
  async startSession(user: User, { method, device }: SignInBy, tx: EntityManager): Promise<ActiveSession> {
    if (!user.emailVerifiedAt) throw new EmailNotVerifiedError();
    if (user.status === 'suspended') throw new AccountSuspendedError();
    await this.audit.record({ type: signIn, userId: user.id, data: { method } }, tx);
    return this.sessions.createSession(user, device, tx);
  }

  async logout({ sessionId, userId }: Principal): Promise<void> {
    await this.db.transaction(async (tx) => {
      await this.sessions.revokeSession(sessionId, 'logout', tx);
      await this.audit.record({ type: signOut, userId, data: {} }, tx);
    });
  }

  /** Revokes all sessions of the user. With `keepSessionId`, all but this one. */
  async logoutAll({ userId }: Pick<Principal, 'userId'>, keepSessionId?: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      const sessions = keepSessionId === undefined ? 'all' : 'others';
      await this.audit.record({ type: signOut, userId, data: { sessions } }, tx);
      await this.sessions.revokeAllSessions(userId, 'logout', tx, keepSessionId);
    });
  }
}
