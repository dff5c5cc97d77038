import {
  type DynamicModule,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.ts';
import { dataSourceOptions, type EntityClasses, type ProcessRole } from '../database/data-source.ts';
import { RetryingDataSource } from '../database/retrying-data-source.ts';
import { withTimeout } from '../errors/with-timeout.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { IntervalTask } from '../process/interval-task.ts';

const CHECK_MS = 500;
const CHECK_TIMEOUT_MS = 2_000;
/** More positions than are read in the largest DATABASE_REPLICA_MAX_LAG_SECONDS. */
const PENDING_MAX = 700;

/** A position in the write-ahead log (LSN), and the server and timeline that it belongs to. */
interface PositionRow {
  lsn: string | null;
  system: string;
  timeline: number;
}

/** Everything that was committed before `time` is before the position in the write-ahead log of the primary. */
interface WalPosition {
  lsn: bigint;
  /** By the clock of PostgreSQL. */
  time: Date;
  /** By `performance.now()`. */
  readAt: number;
  history: string;
}

const HISTORY = `(SELECT system_identifier::text FROM pg_control_system()) AS system,
  (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline`;

/**
 * The replica of DATABASE_REPLICA_URL, for reads that may lack the last changes. Its lag is measured by positions in the
 * write-ahead log (docs/decisions/0073-read-replica.md).
 */
export class ReadReplica implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger('ReadReplica');
  private readonly replica: DataSource | undefined;
  /** A separate connection, because those of the pools may all be busy. */
  private readonly monitor: DataSource | undefined;
  private readonly task = new IntervalTask('ReadReplica', () => this.measureLag(), CHECK_MS);
  private readonly lagMaxMs: number;
  private readonly createdAt = performance.now();
  /** Not replayed yet, oldest first. */
  private readonly pending: WalPosition[] = [];
  /** The newest position that the replica has replayed. Undefined if it is not known, or the replica is down. */
  private replayed?: WalPosition | undefined;
  private opening?: Promise<void> | undefined;
  private loggedFault: string | undefined;

  constructor(
    private readonly primary: DataSource,
    { config, role }: { config: Config; role: ProcessRole },
    metrics: Metrics,
  ) {
    this.lagMaxMs = config.DATABASE_REPLICA_MAX_LAG_SECONDS * 1_000;
    metrics.gauge(
      { name: 'db_replica_used', help: '1 if reads go to the replica, 0 if it is down or too far behind.' },
      () => (this.replica ? [{ value: Number(this.isUsed()) }] : []),
    );
    metrics.gauge(
      {
        name: 'db_replica_lag_seconds',
        help: 'Replication lag, upper bound. Not known while the replica is down.',
      },
      () => (this.replayed ? [{ value: this.lagMs() / 1_000 }] : []),
    );
    const { DATABASE_REPLICA_URL: url } = config;
    if (!url) return;
    // Without a pooler, each connection gets its settings.
    const replicaConfig = { ...config, DATABASE_URL: url, DATABASE_DIRECT_URL: url };
    const entities = primary.options.entities as EntityClasses;
    this.replica = new RetryingDataSource(dataSourceOptions(replicaConfig, role, entities));
    this.monitor = new RetryingDataSource(
      dataSourceOptions({ ...replicaConfig, DATABASE_POOL_MAX: 1 }, role),
    );
  }

  onApplicationBootstrap(): void {
    if (this.replica) this.task.start();
  }

  /** Does not wait for the current check, which may take its whole time. */
  onModuleDestroy(): void {
    void this.task.stop();
  }

  /** A silent replica must not delay the exit. */
  async onApplicationShutdown(): Promise<void> {
    const pools = [this.replica, this.monitor].filter((source) => source?.isInitialized);
    const ended = Promise.all(pools.map((source) => source!.destroy()));
    await withTimeout(ended, CHECK_TIMEOUT_MS).catch(() => undefined);
  }

  /**
   * The replica, or the primary if there is no replica, or if it is down or more than DATABASE_REPLICA_MAX_LAG_SECONDS
   * behind. Only for statements that read.
   */
  selectReader(): DataSource {
    return this.isUsed() ? this.replica! : this.primary;
  }

  /** The replica, if it has replayed everything that was committed before the time (by the clock of PostgreSQL). */
  selectReaderWithChangesUntil(time: Date): DataSource {
    const hasChanges = this.replayed && this.replayed.time >= time;
    return hasChanges ? this.selectReader() : this.primary;
  }

  private isUsed(): boolean {
    return this.replica !== undefined && this.lagMs() <= this.lagMaxMs;
  }

  private lagMs(): number {
    return this.replayed ? performance.now() - this.replayed.readAt : Infinity;
  }

  private async measureLag(): Promise<void> {
    // Without a new position, the age of the last one limits the use of the replica.
    const position = await withTimeout(this.readPrimary(), CHECK_TIMEOUT_MS).catch(describeFault);
    if (typeof position !== 'string') this.remember(position);
    try {
      const { lsn, history } = await withTimeout(this.readReplica(), CHECK_TIMEOUT_MS);
      if (typeof position !== 'string' && position.history !== history)
        throw new Error('the replica does not follow the primary of DATABASE_URL');
      this.markReplayed(lsn);
      const fault =
        typeof position === 'string' ? `the primary does not respond: ${position}` : 'it is too far behind';
      this.logFault(this.isTooFarBehind() ? fault : undefined);
    } catch (error) {
      this.replayed = undefined;
      this.logFault(describeFault(error));
    }
  }

  private remember(position: WalPosition): void {
    // After a failover, the positions of the old primary mean nothing.
    if (this.pending[0] && this.pending[0].history !== position.history) this.pending.length = 0;
    this.pending.push(position);
    if (this.pending.length > PENDING_MAX) this.pending.shift();
  }

  private markReplayed(lsn: bigint): void {
    while (this.pending[0] && this.pending[0].lsn <= lsn) this.replayed = this.pending.shift();
  }

  /** Not in the first seconds, when the replica has not replayed the first position yet. */
  private isTooFarBehind(): boolean {
    return !this.isUsed() && performance.now() - this.createdAt > this.lagMaxMs;
  }

  private async readPrimary(): Promise<WalPosition> {
    const readAt = performance.now();
    const [row] = await this.primary.query<(PositionRow & { time: Date })[]>(
      `SELECT clock_timestamp() AS time, pg_current_wal_lsn()::text AS lsn, ${HISTORY}`,
    );
    return { time: row!.time, lsn: parseLsn(row!.lsn!), readAt, history: historyOf(row!) };
  }

  private async readReplica(): Promise<{ lsn: bigint; history: string }> {
    await this.open();
    const [row] = await this.monitor!.query<PositionRow[]>(
      `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END AS lsn, ${HISTORY}`,
    );
    if (!row!.lsn) throw new Error('DATABASE_REPLICA_URL leads to a server that is not a replica');
    return { lsn: parseLsn(row!.lsn), history: historyOf(row!) };
  }

  /** Goes on after the time limit of a check, so that the next one does not open more pools. */
  private open(): Promise<void> {
    this.opening ??= this.initializePools().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async initializePools(): Promise<void> {
    for (const source of [this.monitor!, this.replica!]) if (!source.isInitialized) await source.initialize();
  }

  private logFault(fault: string | undefined): void {
    if (fault === this.loggedFault) return;
    if (fault) this.logger.warn({ msg: 'The replica is not used: reading from the primary', fault });
    else this.logger.log('The replica is used again');
    this.loggedFault = fault;
  }
}

/** An error of a host with several addresses has no message. */
function describeFault(error: unknown): string {
  const { message, code = 'unknown' } = error as Error & { code?: string };
  return message || code;
}

/** Positions of two servers or timelines can't be compared. */
const historyOf = ({ system, timeline }: PositionRow): string => `${system}/${timeline}`;

/** `16/B374D848`: the upper and the lower 32 bits in hexadecimal digits. */
function parseLsn(text: string): bigint {
  const [upper, lower] = text.split('/');
  return (BigInt(`0x${upper}`) << 32n) + BigInt(`0x${lower}`);
}

/** Global, so that features don't import it. */
@Module({})
export class ReadReplicaModule {
  static for(role: Exclude<ProcessRole, 'migrate'>): DynamicModule {
    return {
      module: ReadReplicaModule,
      global: true,
      providers: [
        {
          provide: ReadReplica,
          inject: [DataSource, Config, Metrics],
          useFactory: (primary: DataSource, config: Config, metrics: Metrics) =>
            new ReadReplica(primary, { config, role }, metrics),
        },
      ],
      exports: [ReadReplica],
    };
  }
}
