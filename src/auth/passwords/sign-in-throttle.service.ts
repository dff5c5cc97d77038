import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import { RateLimitedError } from '../../platform/errors/platform.errors.ts';

const FAILURES_MAX = 10;
const FIRST_BLOCK_SECONDS = 60;
const LONGEST_BLOCK_SECONDS = 900;
const FORGOTTEN_AFTER_HOURS = 24;

/**
 * Slows the guessing of one account's password, wherever the guesses come from. Kept in Postgres, so that it holds for
 * all instances; by a hash of the address, so that an unknown one is treated the same. Never stops a reset.
 */
@Injectable()
export class SignInThrottle {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  /**
   * Counts an attempt before the password is looked at: of any number at once no more get through than are allowed.
   * Throws RATE_LIMITED while the account is blocked.
   */
  async attempt(email: string): Promise<void> {
    const counted = await this.db.query<unknown[]>(
      `INSERT INTO sign_in_throttles AS t (account_hash, failures) VALUES ($1, 1)
       ON CONFLICT (account_hash) DO UPDATE SET
         failures = CASE WHEN t.updated_at < now() - make_interval(hours => $3) THEN 1 ELSE t.failures + 1 END,
         blocked_until = CASE WHEN t.failures + 1 >= $2 AND t.updated_at >= now() - make_interval(hours => $3)
           THEN now() + make_interval(secs => least(${FIRST_BLOCK_SECONDS} * 2 ^ least(t.failures + 1 - $2, 10), ${LONGEST_BLOCK_SECONDS}))
         END,
         updated_at = now()
       WHERE t.blocked_until IS NULL OR t.blocked_until <= now()
       RETURNING failures`,
      [hashOf(email), FAILURES_MAX * this.config.RATE_LIMIT_FACTOR, FORGOTTEN_AFTER_HOURS],
    );
    if (counted.length === 0) throw await this.refusal(email);
  }

  /** After a right password or a reset: failures count in a row only. */
  async clear(email: string, tx: EntityManager = this.db.manager): Promise<void> {
    await tx.query('DELETE FROM sign_in_throttles WHERE account_hash = $1', [hashOf(email)]);
  }

  private async refusal(email: string): Promise<RateLimitedError> {
    const [row] = await this.db.query<{ seconds: number }[]>(
      `SELECT ceil(extract(epoch FROM blocked_until - now()))::int AS seconds FROM sign_in_throttles WHERE account_hash = $1`,
      [hashOf(email)],
    );
    return new RateLimitedError({ headers: { 'retry-after': String(Math.max(1, row?.seconds ?? 1)) } });
  }
}

const hashOf = (email: string): Buffer => createHash('sha256').update(email).digest();
