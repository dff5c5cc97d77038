import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthCode } from './oauth-code.entity.ts';
import { hashOf, newSecret } from './one-time-secret.ts';

const LIFE_MS = 60_000;

/** The secret that the cookie for this provider holds in the browser that asks. */
export type BrowserSecretOf = (provider: ProviderName) => string | undefined;

/** What comes back in the address in place of tokens, which would end up in histories and logs (RFC 9700, section 4.2). */
@Injectable()
export class OAuthCodesService {
  constructor(private readonly users: UsersService) {}

  /** The caller holds the lock of the user’s row, so that whatever ends all sessions finds the code or comes first. */
  async issue(userId: string, provider: ProviderName, browser: string, tx: EntityManager): Promise<string> {
    const code = newSecret();
    await tx.insert(OAuthCode, {
      id: randomUUIDv7(),
      userId,
      provider,
      codeHash: hashOf(code),
      browserHash: hashOf(browser),
      expiresAt: new Date(Date.now() + LIFE_MS),
    });
    return code;
  }

  /** Burns the code, whoever brings it. Null for one that is unknown, spent, too old or another browser’s. */
  async spend(
    code: string,
    browserOf: BrowserSecretOf,
    tx: EntityManager,
  ): Promise<{ user: User; provider: ProviderName } | null> {
    const codeHash = hashOf(code);
    const found = await tx.findOneBy(OAuthCode, { codeHash });
    // The account’s row first, as everywhere, lest two that need both wait for each other.
    const user = found && (await this.users.findForUpdate(found.userId, tx));
    const { affected } = await tx.delete(OAuthCode, { codeHash });
    if (!user || !affected || found.expiresAt < new Date()) return null;
    const browser = browserOf(found.provider);
    if (browser === undefined || !hashOf(browser).equals(found.browserHash)) return null;
    return user.status === 'active' ? { user, provider: found.provider } : null;
  }
}
