import { Injectable } from '@nestjs/common';
import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import { TokenInvalidError } from './auth.errors.ts';
import { MailedToken, type TokenPurpose } from './mailed-token.entity.ts';

const TOKEN_BYTES = 32;
const HOUR_SECONDS = 3_600;

interface Kind {
  /** Path on the frontend that the link leads to. */
  path: string;
  lifeSeconds: number;
}

const KINDS: Record<TokenPurpose, Kind> = {
  'verify-email': { path: '/verify-email', lifeSeconds: 24 * HOUR_SECONDS },
  // Short: who sees the mail can take over the account.
  'reset-password': { path: '/reset-password', lifeSeconds: HOUR_SECONDS / 2 },
  'confirm-email-change': { path: '/confirm-email-change', lifeSeconds: HOUR_SECONDS },
};

export interface SpentToken {
  userId: string;
  /** The address the token was sent to. */
  email: string;
}

/** Secrets that prove that somebody reads the mail of an address. Each works once, for one purpose. */
@Injectable()
export class MailedTokensService {
  constructor(private readonly config: Config) {}

  /** The link a mail of this template carries, with a new token; empty for one that needs none. */
  async linkFor(template: string, userId: string, email: string, tx: EntityManager): Promise<string> {
    if (!(template in KINDS)) return '';
    const purpose = template as TokenPurpose;
    const token = await this.issue(purpose, userId, email, tx);
    // From a setting and never from a Host header, which whoever asks for the mail could choose.
    return `${this.config.FRONTEND_URL}${KINDS[purpose].path}?token=${token}`;
  }

  /** Spends the token, or throws TOKEN_INVALID: the same for one unknown, spent, expired or of another purpose. */
  async spend(purpose: TokenPurpose, token: string, tx: EntityManager): Promise<SpentToken> {
    // Deleting is spending: of two at once one finds the row.
    const [rows] = await tx.query<[SpentToken[], number]>(
      `DELETE FROM mailed_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > now()
       RETURNING user_id AS "userId", email`,
      [hashOf(token), purpose],
    );
    if (!rows[0]) throw new TokenInvalidError();
    return rows[0];
  }

  /** Voids every link that was mailed to the user, and those in mails that are still to be sent. */
  async voidAllOf(userId: string, tx: EntityManager): Promise<void> {
    // The mails first: one that is being sent holds its row until its token is there to be found.
    await tx.query(`DELETE FROM mails WHERE user_id = $1 AND sent_at IS NULL AND template = ANY($2)`, [
      userId,
      Object.keys(KINDS),
    ]);
    await tx.delete(MailedToken, { userId });
  }

  /** One row a user and purpose, so that a newer token voids the older. */
  private async issue(
    purpose: TokenPurpose,
    userId: string,
    email: string,
    tx: EntityManager,
  ): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const expiresAt = new Date(Date.now() + KINDS[purpose].lifeSeconds * 1_000);
    await tx.upsert(
      MailedToken,
      { id: randomUUIDv7(), userId, purpose, email, tokenHash: hashOf(token), expiresAt },
      ['userId', 'purpose'],
    );
    return token;
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
