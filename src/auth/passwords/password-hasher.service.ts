import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { UnavailableError } from '../../platform/errors/platform.errors.ts';

/** `Algorithm.Argon2id`, a const enum that no module can import. */
const ARGON2ID = 2;

/** OWASP Password Storage cheat sheet: argon2id, 19 MiB, t=2, p=1. */
const OPTIONS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Two threads of libuv's four stay free for files and names even where there are many cores. */
const CONCURRENT_MAX = Math.min(2, availableParallelism());
/** Some seconds of work: whoever would wait longer is better told to come back. */
const WAITING_MAX = 500;
const RETRY_AFTER_SECONDS = '2';

/**
 * Hashes off the event loop, a few at a time: each takes a core for some 20 ms and 19 MiB, so that without a bound a
 * burst of sign-ins would take all memory and starve everything else.
 */
@Injectable()
export class PasswordHasher {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** What an unknown address is compared with, so that it takes as long as a wrong password. */
  private decoy?: Promise<string>;

  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, OPTIONS));
  }

  /** False, after the same work, where there is no account or it has no password. */
  async matches(password: string, passwordHash: string | null | undefined): Promise<boolean> {
    const known = passwordHash ?? (await (this.decoy ??= this.hash(randomBytes(32).toString('base64'))));
    const matches = await this.inTurn(() => verify(known, password));
    return matches && Boolean(passwordHash);
  }

  /** True where the hash was made with weaker parameters than those of today. */
  isOutdated(passwordHash: string): boolean {
    const { memoryCost, timeCost, parallelism } = OPTIONS;
    return !passwordHash.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= CONCURRENT_MAX) {
      if (this.waiting.length >= WAITING_MAX) {
        throw new UnavailableError({ headers: { 'retry-after': RETRY_AFTER_SECONDS } });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The turn is handed on, so that nobody who comes just now takes it from who waits.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
