import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { QueueBackend } from '../queue/queue-backend.ts';
import type { DependencyState } from '../queue/queue-connections.ts';

const CHECK_TIMEOUT_MS = 1_000;
const CACHE_MS = 500;

export interface Readiness {
  /** `degraded` still takes requests: work waits in the ledger until Redis is back. */
  status: 'ok' | 'degraded' | 'unavailable' | 'draining';
  checks: {
    database: 'up' | 'down';
    migrations: 'current' | 'pending' | 'unknown';
    redis: DependencyState | 'unknown';
  };
}

@Injectable()
export class HealthService {
  private draining = false;
  private readonly drainListeners: (() => void)[] = [];
  private last?: { at: number; readiness: Promise<Readiness> };

  constructor(
    private readonly db: DataSource,
    private readonly queues: QueueBackend,
  ) {}

  /** From now on balancers are told to send nothing more. */
  drain(): void {
    this.draining = true;
    this.drainListeners.forEach((listener) => listener());
  }

  onDrain(listener: () => void): void {
    this.drainListeners.push(listener);
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Shared for half a second, so that being asked often costs the dependencies nothing. */
  async readiness(): Promise<Readiness> {
    if (!this.last || Date.now() - this.last.at > CACHE_MS) {
      this.last = { at: Date.now(), readiness: this.check() };
    }
    const readiness = await this.last.readiness;
    return this.draining ? { ...readiness, status: 'draining' } : readiness;
  }

  private async check(): Promise<Readiness> {
    const [migrations, redis] = await Promise.all([
      withTimeout(this.pendingMigrations(), undefined),
      withTimeout(this.queues.redisState(), 'down' as const),
    ]);
    const database = migrations === undefined ? 'down' : 'up';
    const checks = { database, migrations: migrations ?? 'unknown', redis } as const;
    return { status: overall(checks), checks };
  }

  /** Reads the table by hand: TypeORM's own check would create it. */
  private async pendingMigrations(): Promise<'current' | 'pending'> {
    const known = this.db.migrations.map((migration) => migration.name ?? '');
    try {
      const rows = await this.db.query<{ name: string }[]>('SELECT name FROM migrations');
      const applied = new Set(rows.map((row) => row.name));
      return known.every((name) => applied.has(name)) ? 'current' : 'pending';
    } catch (error) {
      if ((error as { code?: string }).code === '42P01') return 'pending';
      throw error;
    }
  }
}

function overall(checks: Readiness['checks']): Readiness['status'] {
  if (checks.database === 'down' || checks.migrations !== 'current') return 'unavailable';
  return checks.redis === 'down' ? 'degraded' : 'ok';
}

async function withTimeout<T, F>(check: Promise<T>, fallback: F): Promise<T | F> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<F>((resolve) => (timer = setTimeout(() => resolve(fallback), CHECK_TIMEOUT_MS)));
  try {
    return await Promise.race([check.catch(() => fallback), late]);
  } finally {
    clearTimeout(timer);
  }
}
