import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import pLimit, { type LimitFunction } from 'p-limit';
import { Config } from '../../platform/config/config.ts';
import { UnavailableError } from '../../platform/errors/platform.errors.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { Metrics } from '../../platform/metrics/metrics.service.ts';
import { authTexts } from '../auth.texts.ts';

/** `Algorithm.Argon2id`, a const enum that no module can import. */
const ARGON2ID = 2;

/** Two checks and one new hash at a time leave one of libuv's four threads for files and DNS. */
const CHECKS_MAX = Math.min(2, availableParallelism());
/** Some seconds of work. A client that would wait longer gets 503 and retries. */
const WAITING_MAX = 500;
const RETRY_AFTER_SECONDS = '2';

/**
 * Limits how many hashes run at a time, because each needs a core for about 20 ms and, by default, 19 MiB. Checks and new hashes have
 * separate queues, so that a flood of registrations doesn't delay sign-ins.
 */
@Injectable()
export class PasswordHasher {
  private readonly checks = pLimit(CHECKS_MAX);
  private readonly newHashes = pLimit(1);
  /** The hash that unknown emails are checked against, so that they take as long as a wrong password. */
  private decoy?: Promise<string>;
  private readonly options: { algorithm: number; memoryCost: number; timeCost: number; parallelism: number };

  constructor(
    { PASSWORD_HASH_MEMORY_KIB: memoryCost, PASSWORD_HASH_PASSES: timeCost }: Config,
    metrics: Metrics,
  ) {
    this.options = { algorithm: ARGON2ID, memoryCost, timeCost, parallelism: 1 };
    metrics.gauge(
      { name: 'password_hashes_waiting', help: 'Passwords that wait for a free core.', labelNames: ['work'] },
      () => [
        { work: 'check', value: this.checks.pendingCount },
        { work: 'hash', value: this.newHashes.pendingCount },
      ],
    );
  }

  hash(password: string): Promise<string> {
    return limited(this.newHashes, () => hash(password, this.options));
  }

  /** False, after the same work, if there is no account or it has no password. */
  async matches(password: string, passwordHash: string | null | undefined): Promise<boolean> {
    const known = passwordHash ?? (await this.decoyHash());
    const matches = await limited(this.checks, () => verify(known, password));
    return matches && Boolean(passwordHash);
  }

  /** Whether the hash was made with parameters other than the current ones. */
  isOutdated(passwordHash: string): boolean {
    const { memoryCost, timeCost, parallelism } = this.options;
    return !passwordHash.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
  }

  private decoyHash(): Promise<string> {
    return (this.decoy ??= hash(randomBytes(32).toString('base64'), this.options));
  }
}

function limited<T>(limit: LimitFunction, work: () => Promise<T>): Promise<T> {
  if (limit.pendingCount >= WAITING_MAX) {
    return Promise.reject(
      new UnavailableError({
        detail: localize(authTexts, (texts) => texts.hasherBusy),
        headers: { 'retry-after': RETRY_AFTER_SECONDS },
      }),
    );
  }
  return limit(work);
}
