import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import { AfterCommit } from '../../platform/database/after-commit.ts';
import { withTimeout } from '../../platform/errors/with-timeout.ts';

const POLL_MS = 400;
/** Abandons a poll on a dead connection, so that the next one can use another connection. */
const POLL_TIMEOUT_MS = 5_000;
/** `revoked_at` is the start of its transaction, but other transactions see the row only after the commit. */
const COMMIT_DELAY_SECONDS = 60;
/** An expired token is still accepted for the clock tolerance, by a clock that may differ from its issuer's. */
const EXPIRY_MARGIN_SECONDS = 150;
/** After this time without a successful poll, this instance may have missed a revocation. */
const STALE_AFTER_MS = 30_000;

/**
 * The revoked sessions whose access tokens may still be valid. Each request is checked against this list in memory.
 * Every instance polls Postgres for new entries, so that a revocation holds everywhere within a second
 * (docs/decisions/0005).
 */
@Injectable()
export class SessionRevocations {
  private readonly logger = new Logger('SessionRevocations');
  /** When an entry may be dropped, on this process's monotonic clock in ms. */
  private readonly keepUntil = new Map<string, number>();
  private readonly listeners: (() => void)[] = [];
  /** The database's time at the last successful poll, as text: a Date would lose the microseconds. */
  private readAt?: string;
  private polledAt = -Infinity;
  private readonly revoked: AfterCommit<string>;
  private timer?: NodeJS.Timeout;
  private polling: Promise<void> = Promise.resolve();
  private isStopped = false;
  private hasWarned = false;

  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {
    this.revoked = new AfterCommit(db, (ids) => this.add(ids));
  }

  /** Resolves once the list is complete. From then on polling keeps it current. */
  async startPolling(): Promise<void> {
    await this.load();
    this.schedule();
  }

  async stopPolling(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.polling;
  }

  /** Applies on this instance from the commit on, without waiting for the next poll. */
  addAfterCommit(sessionIds: string[], tx: EntityManager): void {
    for (const id of sessionIds) this.revoked.add(tx, id);
  }

  /** Calls the listener whenever sessions are added to the list. */
  onRevoked(listener: () => void): void {
    this.listeners.push(listener);
  }

  has(sessionId: string): boolean {
    return this.keepUntil.has(sessionId);
  }

  /** True when the list is too old. Authenticated requests must then fail. */
  get isStale(): boolean {
    return performance.now() - this.polledAt > STALE_AFTER_MS;
  }

  private add(sessionIds: string[]): void {
    // A worker accepts no tokens and never polls: there the list would only grow.
    if (this.readAt !== undefined) this.remember(sessionIds);
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.polling = this.poll().finally(() => this.schedule());
    }, POLL_MS);
    this.timer.unref();
  }

  private async poll(): Promise<void> {
    try {
      await this.load();
      this.dropExpired();
      this.hasWarned = false;
    } catch (error) {
      if (!this.hasWarned) this.logger.warn({ msg: 'Reading the revoked sessions failed', err: error });
      this.hasWarned = true;
    }
  }

  /** Reads all revocations since the last successful poll. Uses only times of the database. */
  private async load(): Promise<void> {
    const startedAt = performance.now();
    const since = this.readAt
      ? [this.readAt, COMMIT_DELAY_SECONDS]
      : ['now', this.config.ACCESS_TOKEN_SECONDS + EXPIRY_MARGIN_SECONDS];
    const query = this.db.query<{ readAt: string; ids: string[] }[]>(
      `SELECT now()::text AS "readAt", ARRAY(
         SELECT id FROM sessions WHERE revoked_at > $1::timestamptz - make_interval(secs => $2)
       ) AS ids`,
      since,
    );
    const [row] = await withTimeout(query, POLL_TIMEOUT_MS);
    this.remember(row!.ids);
    this.readAt = row!.readAt;
    this.polledAt = startedAt;
  }

  private remember(ids: string[]): void {
    const lifeMs = (this.config.ACCESS_TOKEN_SECONDS + EXPIRY_MARGIN_SECONDS) * 1_000;
    const added = ids.filter((id) => !this.keepUntil.has(id));
    for (const id of added) this.keepUntil.set(id, performance.now() + lifeMs);
    if (added.length > 0) this.listeners.forEach((listener) => listener());
  }

  private dropExpired(): void {
    for (const [id, until] of this.keepUntil) if (until < performance.now()) this.keepUntil.delete(id);
  }
}
