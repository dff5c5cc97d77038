import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Mail } from '../mail/mail.entity.ts';
import { Config } from '../platform/config/config.ts';
import { MacService } from '../platform/security/mac.service.ts';
import { TokenInvalidError } from './auth.errors.ts';
import { EmailToken, type TokenPurpose } from './email-token.entity.ts';

const HOUR_SECONDS = 3_600;
/** About as long as a mail is tried. A link that comes later than this is one that nobody waits for. */
const LATE_SECONDS = 24 * HOUR_SECONDS;

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

export interface ConsumedToken {
  userId: string;
  /** The address the token was sent to. */
  email: string;
}

/** Secrets that prove that somebody reads the mail of an address. Each works once, for one purpose. */
@Injectable()
export class EmailTokensService {
  constructor(
    private readonly config: Config,
    private readonly macs: MacService,
  ) {}

  /**
   * The link this mail carries; empty where it needs none, null where a newer mail has voided it or it comes too late. It
   * is derived from the mail, so that a mail which is sent again holds the same link: of two copies either may be the
   * one that is read. Only when SECRET_KEYS got a new first key in between does the later copy void the earlier.
   */
  async linkFor(mail: Mail, tx: EntityManager): Promise<string | null> {
    if (!(mail.template in KINDS)) return '';
    if (await isStale(mail, tx)) return null;
    const purpose = mail.template as TokenPurpose;
    const token = this.macs.sign(`email-token ${purpose}`, mail.id);
    if (!(await issue(purpose, token, mail, tx))) return null;
    // From a setting and never from a Host header, which whoever asks for the mail could choose.
    return `${this.config.FRONTEND_URL}${KINDS[purpose].path}?token=${token}`;
  }

  /** Spends the token, or throws TOKEN_INVALID: the same for one unknown, spent, expired or of another purpose. */
  async consume(purpose: TokenPurpose, token: string, tx: EntityManager): Promise<ConsumedToken> {
    // Who has the token was sent the mail, whatever the server said: another attempt would issue the token once more.
    // The mail first, as it is locked while its token is issued.
    await tx.query(
      `UPDATE mails SET sent_at = coalesce(sent_at, now())
       WHERE id = (SELECT id FROM email_tokens WHERE token_hash = $1 AND purpose = $2)`,
      [hashOf(token), purpose],
    );
    // Deleting is spending: of two at once one finds the row.
    const [rows] = await tx.query<[ConsumedToken[], number]>(
      `DELETE FROM email_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > now()
       RETURNING user_id AS "userId", email`,
      [hashOf(token), purpose],
    );
    if (!rows[0]) throw new TokenInvalidError();
    return rows[0];
  }

  /** Voids every link that was mailed to the user, and those in mails that are still to be sent. */
  async revokeAllOf(userId: string, tx: EntityManager): Promise<void> {
    // The mails first: one that is being sent holds its row until its token is there to be found.
    await tx.query(`DELETE FROM mails WHERE user_id = $1 AND sent_at IS NULL AND template = ANY($2)`, [
      userId,
      Object.keys(KINDS),
    ]);
    await tx.delete(EmailToken, { userId });
  }
}

/** Asks the mails, since the token of the newer one may be spent or purged by the time that the older is sent again. */
async function isStale({ id, userId, template, createdAt }: Mail, tx: EntityManager): Promise<boolean> {
  if (Date.now() - createdAt.getTime() > LATE_SECONDS * 1_000) return true;
  const newer = await tx.query<unknown[]>(
    `SELECT 1 FROM mails WHERE user_id = $1 AND template = $2 AND id > $3 LIMIT 1`,
    [userId, template, id],
  );
  return newer.length > 0;
}

/**
 * One row a user and purpose, so that a newer token voids the older: ids tell which mail is the newer one. False where
 * this is the older.
 */
async function issue(
  purpose: TokenPurpose,
  token: string,
  { id, userId, recipient }: Mail,
  tx: EntityManager,
): Promise<boolean> {
  const rows = await tx.query<unknown[]>(
    `INSERT INTO email_tokens (id, user_id, purpose, email, token_hash, expires_at)
     VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
     ON CONFLICT ON CONSTRAINT email_tokens_user_id_purpose_key DO UPDATE SET
       id = EXCLUDED.id, email = EXCLUDED.email, token_hash = EXCLUDED.token_hash, expires_at = EXCLUDED.expires_at
       WHERE email_tokens.id <= EXCLUDED.id
     RETURNING id`,
    [id, userId, purpose, recipient, hashOf(token), KINDS[purpose].lifeSeconds],
  );
  return rows.length > 0;
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
