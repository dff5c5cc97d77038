import { Injectable, type OnModuleInit } from '@nestjs/common';
import { createHash, randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, In, IsNull, Raw } from 'typeorm';
import { MailService, type Recipient } from '../mail/mail.service.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { MacService } from '../platform/security/mac.service.ts';
import { userDeleted } from '../users/users.events.ts';
import { TokenInvalidError } from './auth.errors.ts';
import { EmailToken, type TokenPurpose, tokenPurposes } from './email-token.entity.ts';

const HOUR_SECONDS = 3_600;

const LIFE_SECONDS: Record<TokenPurpose, number> = {
  'verify-email': 24 * HOUR_SECONDS,
  // Short, because a reader of the mail can take over the account.
  'reset-password': HOUR_SECONDS / 2,
  'confirm-email-change': HOUR_SECONDS,
};

/** The password and name of a registration attempt. They apply only if the link of that attempt is used. */
export type RegistrationAttempt = Pick<EmailToken, 'passwordHash' | 'displayName'>;

export interface EmailLink {
  token: string;
  expiresAt: Date;
}

/** Creates and checks the tokens of links in mails. Lock the user's row before you write tokens. */
@Injectable()
export class EmailTokensService implements OnModuleInit {
  constructor(
    private readonly macs: MacService,
    private readonly mail: MailService,
    private readonly db: DataSource,
    private readonly events: DomainEvents,
  ) {}

  onModuleInit(): void {
    this.events.on(userDeleted, async ({ data }, tx) => {
      await tx.delete(EmailToken, { userId: data.id });
    });
  }

  /** Earlier links stay valid: a request by an attacker must not revoke a link that the owner is about to use. */
  async createLink(
    purpose: TokenPurpose,
    { id: userId, email }: Recipient,
    tx: EntityManager,
    attempt?: RegistrationAttempt,
  ): Promise<EmailLink> {
    const id = randomUUIDv7();
    const token = this.tokenOf(purpose, id);
    const { passwordHash = null, displayName = null } = attempt ?? {};
    const [row] = await tx.query<{ expiresAt: Date }[]>(
      `INSERT INTO email_tokens (id, user_id, purpose, email, token_hash, password_hash, display_name, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8)) RETURNING expires_at AS "expiresAt"`,
      [id, userId, purpose, email, hashOf(token), passwordHash, displayName, LIFE_SECONDS[purpose]],
    );
    return { token, expiresAt: row!.expiresAt };
  }

  /** The newest link, to send it again. Null if less than half of its lifetime remains. */
  async findLink(
    purpose: TokenPurpose,
    { id: userId, email }: Recipient,
    tx: EntityManager,
  ): Promise<EmailLink | null> {
    const minimumSeconds = LIFE_SECONDS[purpose] / 2;
    const newest = await tx.findOne(EmailToken, {
      where: {
        userId,
        email,
        purpose,
        consumedAt: IsNull(),
        expiresAt: Raw((column) => `${column} > now() + make_interval(secs => ${minimumSeconds})`),
      },
      order: { createdAt: 'DESC', id: 'DESC' },
    });
    if (!newest) return null;
    const token = this.tokenOf(purpose, newest.id);
    // Differs if SECRET_KEYS has a new first key.
    if (!hashOf(token).equals(newest.tokenHash)) return null;
    return { token, expiresAt: newest.expiresAt };
  }

  /**
   * Returns a token that has not expired, even if it was consumed. Throws TOKEN_INVALID if it is unknown, expired or for
   * another purpose. Callers check the token before they hash a password, which is expensive.
   */
  async get(purpose: TokenPurpose, token: string): Promise<EmailToken> {
    const found = await this.db.manager.findOneBy(EmailToken, {
      tokenHash: hashOf(token),
      purpose,
      expiresAt: Raw((column) => `${column} > now()`),
    });
    if (!found) throw new TokenInvalidError();
    return found;
  }

  /** Atomic: false if the token was consumed or revoked, or has expired. */
  async consume({ id, userId, purpose }: EmailToken, tx: EntityManager): Promise<boolean> {
    const { affected } = await tx.update(
      EmailToken,
      { id, consumedAt: IsNull(), expiresAt: Raw((column) => `${column} > now()`) },
      { consumedAt: () => 'now()', expiresAt: () => `now() + interval '1 hour'` },
    );
    if (affected === 1) await this.revokeAllOf(userId, tx, [purpose]);
    return affected === 1;
  }

  /** False if the token was revoked or has expired. */
  exists({ id }: EmailToken, tx: EntityManager): Promise<boolean> {
    return tx.existsBy(EmailToken, { id, expiresAt: Raw((column) => `${column} > now()`) });
  }

  /** Revokes links that were not used yet, also in mails that are still to be sent. */
  async revokeAllOf(
    userId: string,
    tx: EntityManager,
    purposes: readonly TokenPurpose[] = tokenPurposes,
  ): Promise<void> {
    await tx.delete(EmailToken, { userId, purpose: In(purposes), consumedAt: IsNull() });
    // Each mail with a link is named after the purpose of its token.
    await this.mail.cancelUnsent(userId, purposes, tx);
  }

  /** Derived from the id, so that the same link can be sent again although only a hash of the token is stored. */
  private tokenOf(purpose: TokenPurpose, id: string): string {
    return this.macs.sign(`email-token ${purpose}`, id);
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
