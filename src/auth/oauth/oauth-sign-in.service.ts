import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import { signInFailed } from '../auth.audit.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { AuthService } from '../auth.service.ts';
import type { ActiveSession, Device } from '../sessions/sessions.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { createSecret, hashSecret } from './oauth-attempts.service.ts';
import { OAuthCode } from './oauth-code.entity.ts';
import { IdentityLinkedConcurrentlyError, ProviderAccountsService } from './provider-accounts.service.ts';
import type { ProviderProfile } from './providers/provider.ts';

const CODE_SECONDS = 60;

/** Returns the secret in the caller's cookie for this provider. */
export type GetBrowserSecret = (provider: ProviderName) => string | undefined;

/**
 * Signs in a user of a provider. The browser returns to the frontend with a one-time code, which the frontend exchanges
 * for tokens. Tokens never appear in a URL, because URLs are stored in histories and logs (RFC 9700, section 4.2).
 */
@Injectable()
export class OAuthSignInService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly accounts: ProviderAccountsService,
    private readonly auth: AuthService,
    private readonly audit: AuditService,
  ) {}

  /** Finds or creates the account, and resolves to a one-time code that only this browser can exchange. */
  async issueCode(provider: ProviderName, profile: ProviderProfile, browser: string): Promise<string> {
    const issue = () =>
      this.db.transaction(async (tx) => {
        const user = await this.accounts.findOrCreateAccount(provider, profile, tx);
        return this.createCode(user.id, provider, browser, tx);
      });
    return issue().catch((error: unknown) => {
      if (error instanceof IdentityLinkedConcurrentlyError) return issue();
      throw error;
    });
  }

  /** Exchanges the one-time code for a session. */
  async exchangeCode(
    code: string,
    getBrowserSecret: GetBrowserSecret,
    device: Device,
  ): Promise<ActiveSession> {
    const session = await this.db.transaction(async (tx) => {
      const consumed = await this.consumeCode(code, getBrowserSecret, tx);
      // Don't throw here: a rollback would make the rejected code valid again.
      if (!consumed) return null;
      const { user, provider } = consumed;
      return this.auth.startSession(user, { method: provider, device }, tx);
    });
    if (!session) throw new TokenInvalidError();
    return session;
  }

  async recordFailure(provider: ProviderName, reason: string): Promise<void> {
    const data = { method: provider, reason };
    await this.audit.record({ type: signInFailed, userId: null, data }, this.db.manager);
  }

  /** The caller has locked the user's row, so a revocation of all sessions also finds this code. */
  private async createCode(
    userId: string,
    provider: ProviderName,
    browser: string,
    tx: EntityManager,
  ): Promise<string> {
    const code = createSecret();
    await tx.insert(OAuthCode, {
      id: randomUUIDv7(),
      userId,
      provider,
      codeHash: hashSecret(code),
      browserHash: hashSecret(browser),
      expiresAt: () => `now() + make_interval(secs => ${CODE_SECONDS})`,
    });
    return code;
  }

  /** Consumes the code, even if another browser sends it. Null if the code is unknown, expired or from another browser. */
  private async consumeCode(
    code: string,
    getBrowserSecret: GetBrowserSecret,
    tx: EntityManager,
  ): Promise<{ user: User; provider: ProviderName } | null> {
    const codeHash = hashSecret(code);
    const found = await tx.findOneBy(OAuthCode, { codeHash });
    // Lock the user's row first, as every transaction does.
    const user = found && (await this.users.findForUpdate(found.userId, tx));
    const [rows] = await tx.query<[{ isValid: boolean }[], number]>(
      `DELETE FROM oauth_codes WHERE code_hash = $1 RETURNING expires_at > now() AS "isValid"`,
      [codeHash],
    );
    if (!user || !rows[0]?.isValid) return null;
    const browser = getBrowserSecret(found.provider);
    if (browser === undefined || !hashSecret(browser).equals(found.browserHash)) return null;
    return user.status === 'active' ? { user, provider: found.provider } : null;
  }
}
