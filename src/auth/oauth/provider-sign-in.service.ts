import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { signIn, signInFailed } from '../auth.audit.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { type Device, type ActiveSession, SessionsService } from '../sessions/sessions.service.ts';
import { AccountJoinService, SubjectTakenError } from './account-join.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthCode } from './oauth-code.entity.ts';
import type { ProviderProfile } from './providers/provider.ts';
import { hashOf, newSecret } from './sign-in-secrets.ts';

const CODE_LIFE_SECONDS = 60;

/** The secret that the cookie for this provider holds in the browser that sends the request. */
export type BrowserSecretOf = (provider: ProviderName) => string | undefined;

/**
 * Signs in a provider's user. The frontend gets a one-time code and exchanges it for a session, because URLs end up in
 * histories and logs (RFC 9700, section 4.2).
 */
@Injectable()
export class ProviderSignInService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly accounts: AccountJoinService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  /** Resolves to the one-time code, bound to the browser. */
  async complete(provider: ProviderName, profile: ProviderProfile, browser: string): Promise<string> {
    const join = () =>
      this.db.transaction(async (tx) => {
        const user = await this.accounts.accountFor(provider, profile, tx);
        return this.createCode(user.id, provider, browser, tx);
      });
    return join().catch((error: unknown) => {
      if (error instanceof SubjectTakenError) return join();
      throw error;
    });
  }

  async exchange(code: string, browserOf: BrowserSecretOf, device: Device): Promise<ActiveSession> {
    const session = await this.db.transaction(async (tx) => {
      const consumed = await this.consumeCode(code, browserOf, tx);
      // Thrown after the commit, so that a rejected code stays consumed.
      if (!consumed) return null;
      const { user, provider } = consumed;
      await this.audit.record({ type: signIn, userId: user.id, data: { method: provider } }, tx);
      return this.sessions.createSession(user, device, tx);
    });
    if (!session) throw new TokenInvalidError();
    return session;
  }

  async recordFailure(provider: ProviderName, reason: string): Promise<void> {
    await this.db.transaction((tx) =>
      this.audit.record({ type: signInFailed, userId: null, data: { method: provider, reason } }, tx),
    );
  }

  /** The caller holds the lock of the user's row, so that a revocation of all sessions also finds this code. */
  private async createCode(
    userId: string,
    provider: ProviderName,
    browser: string,
    tx: EntityManager,
  ): Promise<string> {
    const code = newSecret();
    await tx.insert(OAuthCode, {
      id: randomUUIDv7(),
      userId,
      provider,
      codeHash: hashOf(code),
      browserHash: hashOf(browser),
      expiresAt: () => `now() + make_interval(secs => ${CODE_LIFE_SECONDS})`,
    });
    return code;
  }

  /** Consumes the code, even if another browser sends it. Null if it is unknown, consumed, expired or of another browser. */
  private async consumeCode(
    code: string,
    browserOf: BrowserSecretOf,
    tx: EntityManager,
  ): Promise<{ user: User; provider: ProviderName } | null> {
    const codeHash = hashOf(code);
    const found = await tx.findOneBy(OAuthCode, { codeHash });
    // The user's row is locked first, as in every other transaction.
    const user = found && (await this.users.findForUpdate(found.userId, tx));
    const [rows] = await tx.query<[{ isValid: boolean }[], number]>(
      `DELETE FROM oauth_codes WHERE code_hash = $1 RETURNING expires_at > now() AS "isValid"`,
      [codeHash],
    );
    if (!user || !rows[0]?.isValid) return null;
    const browser = browserOf(found.provider);
    if (browser === undefined || !hashOf(browser).equals(found.browserHash)) return null;
    return user.status === 'active' ? { user, provider: found.provider } : null;
  }
}
