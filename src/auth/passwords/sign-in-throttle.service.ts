import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import { RateLimitedError } from '../../platform/errors/platform.errors.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { networkOf } from '../../platform/security/rate-limiter.service.ts';
import { authTexts } from '../auth.texts.ts';
import { KnownDevices } from './known-devices.service.ts';

/** Failures in a row from one source or known device. */
const FAILURES_MAX = 10;
/** Failures from all unknown sources together. Limits guesses from many networks. */
const FAILURES_MAX_PER_ACCOUNT = 100;
const FIRST_BLOCK_SECONDS = 60;
const LONGEST_BLOCK_SECONDS = 900;
const RESET_AFTER_HOURS = 24;

/** Where an attempt comes from. A session or a device cookie of the account makes it a known device. */
export interface SignInSource {
  ipAddress?: string | null;
  deviceCookie?: string | undefined;
  sessionId?: string;
}

/** An attempt that was counted as a failure before its password is checked. */
export interface CountedAttempt {
  /** The first key is that of the source or device. */
  keys: Buffer[];
  /** Whether this failure starts a block. */
  startsBlock: boolean;
}

interface Counter {
  key: Buffer;
  failuresMax: number;
}

interface Counted {
  key: Buffer;
  blockedUntil: Date | null;
}

/** The limit of the counter that has the existing row. */
const MAX = '($3::int[])[array_position($2::bytea[], t.key_hash)]';

/**
 * Slows down password guessing per account and source. Known devices have their own counter, so that an attacker
 * can't lock the owner out (OWASP: Slow Down Online Guessing Attacks with Device Cookies). Stored in PostgreSQL,
 * so that all instances share it. The keys are hashes, so that emails without an account are treated the same. Never blocks
 * a password reset.
 */
@Injectable()
export class SignInThrottle {
  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
    private readonly devices: KnownDevices,
  ) {}

  /**
   * Counts the attempt before the password is checked, so that parallel attempts can't exceed the limit.
   * Throws RATE_LIMITED while the source or the account is blocked.
   */
  async countAttempt(email: string, source: SignInSource, userId?: string): Promise<CountedAttempt> {
    const counters = this.countersOf(email, source, userId);
    const counted = await this.increment(hashOf(email), counters);
    const isCounted = ({ key }: Counter) => counted.some((other) => other.key.equals(key));
    const attempt = {
      keys: counters.filter(isCounted).map(({ key }) => key),
      startsBlock: counted.some(({ blockedUntil }) => blockedUntil !== null),
    };
    const blocked = counters.find((counter) => !isCounted(counter));
    if (!blocked) return attempt;
    await this.undoAttempt(attempt);
    throw await this.blockedError(blocked.key);
  }

  /** For an attempt whose password was not checked. */
  undoAttempt({ keys }: CountedAttempt): Promise<void> {
    return this.decrement(keys);
  }

  /** Clears the failures of this source only: a sign-in of the owner must not help an attacker. */
  recordSuccess({ keys: [own, ...shared] }: CountedAttempt): Promise<void> {
    return this.decrement([own!, ...shared], own);
  }

  /** After a password reset, which proves who owns the account. */
  async clear(email: string, tx: EntityManager): Promise<void> {
    await tx.query('DELETE FROM sign_in_throttles WHERE account_hash = $1', [hashOf(email)]);
  }

  private countersOf(email: string, source: SignInSource, userId?: string): Counter[] {
    const max = (failures: number) => Math.max(1, Math.round(failures * this.config.RATE_LIMIT_FACTOR));
    const deviceId = source.sessionId ?? this.devices.idOf(source.deviceCookie, userId);
    if (deviceId) return [{ key: hashOf(email, 'device', deviceId), failuresMax: max(FAILURES_MAX) }];
    return [
      { key: hashOf(email, 'source', networkOf(source.ipAddress ?? '')), failuresMax: max(FAILURES_MAX) },
      { key: hashOf(email, 'account'), failuresMax: max(FAILURES_MAX_PER_ACCOUNT) },
    ];
  }

  /**
   * Resolves to the counters that are not blocked. `blockedUntil` is the end of the block that this attempt
   * starts if it fails. While the first counter is blocked, the others don't count.
   */
  private async increment(accountHash: Buffer, counters: Counter[]): Promise<Counted[]> {
    return this.db.query<Counted[]>(
      `INSERT INTO sign_in_throttles AS t (key_hash, account_hash, failures, blocked_until)
       SELECT key, $1::bytea, 1, CASE WHEN failures_max <= 1 THEN now() + make_interval(secs => ${FIRST_BLOCK_SECONDS}) END
       FROM unnest($2::bytea[], $3::int[]) WITH ORDINALITY AS counter (key, failures_max, place)
       WHERE NOT EXISTS (SELECT FROM sign_in_throttles WHERE key_hash = ($2::bytea[])[1] AND blocked_until > now())
       ORDER BY place
       ON CONFLICT (key_hash) DO UPDATE SET
         failures = CASE WHEN t.updated_at < now() - make_interval(hours => $4) THEN 1 ELSE t.failures + 1 END,
         blocked_until = CASE WHEN t.failures + 1 >= ${MAX} AND t.updated_at >= now() - make_interval(hours => $4)
           THEN now() + make_interval(secs => least(${FIRST_BLOCK_SECONDS} * 2 ^ least(t.failures + 1 - ${MAX}, 10), ${LONGEST_BLOCK_SECONDS}))
         END,
         updated_at = now()
       WHERE t.blocked_until IS NULL OR t.blocked_until <= now()
       RETURNING key_hash AS key, blocked_until AS "blockedUntil"`,
      [
        accountHash,
        counters.map(({ key }) => key),
        counters.map(({ failuresMax }) => failuresMax),
        RESET_AFTER_HOURS,
      ],
    );
  }

  /** Locks the counters in their order, as `increment` does, so that parallel attempts can't deadlock. */
  private async decrement(keys: Buffer[], cleared: Buffer | null = null): Promise<void> {
    await this.db.query(
      `WITH counted AS (
         SELECT t.key_hash, CASE WHEN t.key_hash = $2 THEN 0 ELSE t.failures - 1 END AS failures
         FROM unnest($1::bytea[]) WITH ORDINALITY AS counter (key, place)
         JOIN sign_in_throttles t ON t.key_hash = counter.key ORDER BY place FOR UPDATE OF t
       ), removed AS (
         DELETE FROM sign_in_throttles t USING counted WHERE t.key_hash = counted.key_hash AND counted.failures <= 0
       )
       UPDATE sign_in_throttles t SET failures = counted.failures, blocked_until = NULL
       FROM counted WHERE t.key_hash = counted.key_hash AND counted.failures > 0`,
      [keys, cleared],
    );
  }

  private async blockedError(key: Buffer): Promise<RateLimitedError> {
    const [row] = await this.db.query<{ seconds: number }[]>(
      `SELECT ceil(extract(epoch FROM blocked_until - now()))::int AS seconds FROM sign_in_throttles WHERE key_hash = $1`,
      [key],
    );
    const seconds = Math.max(1, row?.seconds ?? 1);
    return new RateLimitedError({
      detail: localize(authTexts, (texts) => texts.tooManyPasswords(seconds)),
      headers: { 'retry-after': String(seconds) },
    });
  }
}

const hashOf = (...parts: string[]): Buffer => createHash('sha256').update(JSON.stringify(parts)).digest();
