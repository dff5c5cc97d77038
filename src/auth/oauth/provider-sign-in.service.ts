import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.ts';
import { UsersService } from '../../users/users.service.ts';
import { signIn, signInFailed } from '../auth.audit.ts';
import { TokenInvalidError } from '../auth.errors.ts';
import { type Device, type ActiveSession, SessionsService } from '../sessions/sessions.service.ts';
import { AccountJoinService, SubjectTakenMeanwhile } from './account-join.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { type BrowserSecretOf, OAuthCodesService } from './oauth-codes.service.ts';
import type { ProviderProfile } from './providers/provider.ts';

/** Signs in a provider's user: issues a one-time code, which the frontend exchanges for a session. */
@Injectable()
export class ProviderSignInService {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountJoinService,
    private readonly codes: OAuthCodesService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  /** Resolves to the one-time code, bound to the browser. */
  async complete(provider: ProviderName, profile: ProviderProfile, browser: string): Promise<string> {
    const join = () =>
      this.users.transaction(async (tx) => {
        const user = await this.accounts.accountFor(provider, profile, tx);
        return this.codes.createCode(user.id, provider, browser, tx);
      });
    return join().catch((error: unknown) => {
      if (error instanceof SubjectTakenMeanwhile) return join();
      throw error;
    });
  }

  async exchange(code: string, browserOf: BrowserSecretOf, device: Device): Promise<ActiveSession> {
    const session = await this.users.transaction(async (tx) => {
      const consumed = await this.codes.consumeCode(code, browserOf, tx);
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
    await this.users.transaction((tx) =>
      this.audit.record({ type: signInFailed, userId: null, data: { method: provider, reason } }, tx),
    );
  }
}
