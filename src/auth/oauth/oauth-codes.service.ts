import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { User } from '../../users/user.entity.ts';
import { UsersService } from '../../users/users.service.ts';
import type { ProviderName } from './identity.entity.ts';
import { OAuthCode } from './oauth-code.entity.ts';
import { hashOf, newSecret } from './one-time-secret.ts';

const LIFE_SECONDS = 60;

/** The secret that the cookie for this provider holds in the browser that asks. */
export type BrowserSecretOf = (provider: ProviderName) => string | undefined;

/** A one-time code returns to the frontend instead of tokens, because URLs end up in histories and logs (RFC 9700, section 4.2). */
@Injectable()
export class OAuthCodesService {
  constructor(private readonly users: UsersService) {}

  /** The caller holds the lock of the user's row, so that a revocation of all sessions also finds this code. */
  async createCode(
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
      expiresAt: () => `now() + make_interval(secs => ${LIFE_SECONDS})`,
    });
    return code;
  }

  /** Consumes the code, even if another browser sends it. Null if it is unknown, consumed, expired or of another browser. */
  async consumeCode(
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
