import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pendingMigrations } from '../database/pending-migrations.ts';
import { withTimeout } from '../errors/with-timeout.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { QueueBackend } from '../queue/queue-backend.ts';
import { RedisConnections, type RedisState } from '../redis/redis-connections.ts';

const CHECK_TIMEOUT_MS = 1_000;
const CACHE_MS = 500;
/** Token lifetimes tolerate 30 s. Beyond a minute, instances reject each other's tokens. */
const CLOCK_SKEW_MAX_MS = 60_000;
const CLOCK_SKEW_WARN_MS = 5_000;
const SKEW_WARNING_PAUSE_MS = 60_000;

export interface Readiness {
  /** `degraded` still takes requests: work waits in the jobs table until the queue is back. */
  status: 'ok' | 'degraded' | 'unavailable' | 'draining';
  checks: {
    database: 'up' | 'down';
    migrations: 'current' | 'pending' | 'unknown';
    redis: RedisState | 'unknown';
    /** Present when Postgres is up but its queue can't be used. */
    queue?: 'down';
    /** Present when the clock of this process differs from that of Postgres by more than a minute. */
    clock?: 'skewed';
  };
  /** Present while migrations are pending: the code for the operator, and the names of the migrations. */
  code?: 'MIGRATIONS_PENDING';
  pendingMigrations?: string[];
  /** The job types of the paused queues, if there are any. Their jobs wait, but the process is ready. */
  pausedQueues?: string[];
}

@Injectable()
export class HealthService implements OnApplicationBootstrap {
  private readonly logger = new Logger('Health');
  private draining = false;
  private skewWarnedAt = -Infinity;
  private loggedPending = '';
  private findPausedQueues: () => Promise<string[]> = async () => [];
  private readonly drainListeners: (() => void)[] = [];
  private last?: { at: number; readiness: Promise<Readiness> };

  constructor(
    private readonly db: DataSource,
    private readonly redis: RedisConnections,
    private readonly queues: QueueBackend,
    metrics: Metrics,
  ) {
    metrics.gauge(
      {
        name: 'dependency_up',
        help: '1 if the dependency responds, otherwise 0.',
        labelNames: ['dependency'],
      },
      async () => {
        const { checks } = await this.readiness();
        return [
          { dependency: 'database', value: Number(checks.database === 'up') },
          { dependency: 'redis', value: Number(checks.redis !== 'down') },
          { dependency: 'queue', value: Number(checks.queue !== 'down') },
        ];
      },
    );
    metrics.gauge({ name: 'migrations_pending', help: 'Migrations that are not applied yet.' }, async () => {
      const { checks, pendingMigrations: pending = [] } = await this.readiness();
      return checks.migrations === 'unknown' ? [] : [{ value: pending.length }];
    });
  }

  /** Logs pending migrations at the start, also if nothing calls the health check. */
  async onApplicationBootstrap(): Promise<void> {
    await withFallback(this.pendingMigrations(), undefined);
  }

  /** Makes this process unready, so that load balancers send no more requests. */
  drain(): void {
    this.draining = true;
    this.drainListeners.forEach((listener) => listener());
  }

  onDrain(listener: () => void): void {
    this.drainListeners.push(listener);
  }

  /** Called by the feature with the queues, which knows the paused ones. */
  showPausedQueues(find: () => Promise<string[]>): void {
    this.findPausedQueues = find;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Shared for half a second, so that frequent probes don't load the dependencies. */
  async readiness(): Promise<Readiness> {
    if (!this.last || Date.now() - this.last.at > CACHE_MS) {
      this.last = { at: Date.now(), readiness: this.check() };
    }
    const readiness = await this.last.readiness;
    return this.draining ? { ...readiness, status: 'draining' } : readiness;
  }

  private async check(): Promise<Readiness> {
    const [pending, redis, skewMs, isQueueUsable, pausedQueues] = await Promise.all([
      withFallback(this.pendingMigrations(), undefined),
      withFallback(this.redis.state(), 'down' as const),
      withFallback(this.clockSkewMs(), 0),
      withFallback(this.queues.isUsable(), false),
      withFallback(this.findPausedQueues(), []),
    ]);
    const database = pending ? 'up' : 'down';
    const migrations = stateOf(pending);
    const clock = skewMs > CLOCK_SKEW_MAX_MS && { clock: 'skewed' as const };
    const queue = database === 'up' && !isQueueUsable && { queue: 'down' as const };
    const checks = { database, migrations, redis, ...clock, ...queue } as const;
    return {
      status: overall(checks),
      checks,
      ...(pending?.length && { code: 'MIGRATIONS_PENDING', pendingMigrations: pending }),
      ...(pausedQueues.length > 0 && { pausedQueues }),
    };
  }

  /** The difference between the clock of this process and that of Postgres, which all instances share. */
  private async clockSkewMs(): Promise<number> {
    const startedAt = Date.now();
    const [row] = await this.db.query<{ now: number }[]>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
    );
    const skewMs = Math.abs((startedAt + Date.now()) / 2 - row!.now);
    if (skewMs > CLOCK_SKEW_WARN_MS && performance.now() - this.skewWarnedAt > SKEW_WARNING_PAUSE_MS) {
      this.skewWarnedAt = performance.now();
      this.logger.warn({
        msg: 'The clock of this machine differs from that of Postgres: check NTP',
        skewMs: Math.round(skewMs),
      });
    }
    return skewMs;
  }

  private async pendingMigrations(): Promise<string[]> {
    const pending = await pendingMigrations(this.db);
    const names = pending.join(', ');
    if (names && names !== this.loggedPending) {
      this.logger.warn({
        msg: 'Migrations are pending, so this process is not ready: run the program migrate',
        migrations: pending,
      });
    }
    this.loggedPending = names;
    return pending;
  }
}

function stateOf(pending: string[] | undefined): Readiness['checks']['migrations'] {
  if (!pending) return 'unknown';
  return pending.length > 0 ? 'pending' : 'current';
}

function overall(checks: Readiness['checks']): Readiness['status'] {
  if (checks.database === 'down' || checks.migrations !== 'current' || checks.clock) return 'unavailable';
  return checks.redis === 'down' || checks.queue ? 'degraded' : 'ok';
}

const withFallback = <T, F>(check: Promise<T>, fallback: F): Promise<T | F> =>
  withTimeout(check, CHECK_TIMEOUT_MS).catch(() => fallback);
