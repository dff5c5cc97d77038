import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Config } from '../../platform/config/config.ts';

const POLL_MS = 400;
/** A session ends at the start of its transaction but is seen at the commit: look back further than any should last. */
const LOOK_BACK_SECONDS = 60;
/** Tokens are still taken this long after they expired (clock tolerance). */
const LEEWAY_SECONDS = 60;

/**
 * Which sessions have ended while access tokens of theirs may still live: what each request is checked against, in
 * memory. Every instance reads the short list of newly ended ones a few times a second, so an end holds everywhere
 * within a second with no bus that could fail (docs/decisions/0005).
 */
@Injectable()
export class SessionRevocations {
  private readonly logger = new Logger('SessionRevocations');
  private readonly endedAt = new Map<string, number>();
  private readonly listeners: (() => void)[] = [];
  private timer?: NodeJS.Timeout;
  private polling: Promise<void> = Promise.resolve();
  private isStopped = false;
  private isBehind = false;

  constructor(
    private readonly db: DataSource,
    private readonly config: Config,
  ) {}

  /** Resolves once the list is complete; from then on it is kept current. */
  async follow(): Promise<void> {
    await this.load(this.config.ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS);
    this.schedule();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.polling;
  }

  add(sessionIds: string[]): void {
    this.remember(sessionIds.map((id) => ({ id, revokedAt: new Date() })));
  }

  /** Called whenever more sessions are known to have ended. */
  onEnded(listener: () => void): void {
    this.listeners.push(listener);
  }

  has(sessionId: string): boolean {
    return this.endedAt.has(sessionId);
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
      await this.load(LOOK_BACK_SECONDS);
      this.forgetExpired();
      this.isBehind = false;
    } catch (error) {
      // What is known stays known; requests that need the database fail by themselves meanwhile.
      if (!this.isBehind)
        this.logger.warn({ msg: 'The list of ended sessions can’t be read now', err: error });
      this.isBehind = true;
    }
  }

  private async load(seconds: number): Promise<void> {
    const rows = await this.db.query<{ id: string; revokedAt: Date }[]>(
      `SELECT id, revoked_at AS "revokedAt" FROM sessions WHERE revoked_at > now() - make_interval(secs => $1)`,
      [seconds],
    );
    this.remember(rows);
  }

  private remember(ended: { id: string; revokedAt: Date }[]): void {
    const knownBefore = this.endedAt.size;
    for (const { id, revokedAt } of ended) this.endedAt.set(id, revokedAt.getTime());
    if (this.endedAt.size > knownBefore) this.listeners.forEach((listener) => listener());
  }

  private forgetExpired(): void {
    const oldest = Date.now() - (this.config.ACCESS_TOKEN_SECONDS + LEEWAY_SECONDS) * 1_000;
    for (const [id, at] of this.endedAt) if (at < oldest) this.endedAt.delete(id);
  }
}
