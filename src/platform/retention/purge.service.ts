import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { IntervalTask } from '../process/interval-task.ts';
import { type RetentionRule, RetentionRules } from './retention.module.ts';

const HOUR_MS = 3_600_000;
const BATCH_ROWS = 5_000;

/** Deletes one batch. Exported for the test of its query plan. */
export const purgeStatement = ({ table, expired }: RetentionRule): string =>
  `DELETE FROM ${table} WHERE ctid IN (
     SELECT ctid FROM ${table} WHERE ${expired} LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED
   )`;

/** Removes expired rows. Runs in every worker and skips rows that another worker has locked. */
@Injectable()
export class PurgeService implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Purge');
  private readonly task = new IntervalTask('Purge', () => this.purge(), HOUR_MS);

  constructor(
    private readonly db: DataSource,
    private readonly rules: RetentionRules,
  ) {}

  onApplicationBootstrap(): void {
    this.task.start();
  }

  /** Does not wait for the current batch, so that running jobs are released without delay. */
  onModuleDestroy(): void {
    void this.task.stop();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /** Resolves to the number of removed rows by table. */
  async purge(): Promise<Record<string, number>> {
    const removed: Record<string, number> = {};
    for (const rule of this.rules.all()) {
      const { table } = rule;
      if (this.task.isStopped) break;
      try {
        const rows = await this.purgeTable(rule);
        if (rows > 0) removed[table] = rows;
      } catch (error) {
        // An error in one table must not stop the purge of the others.
        this.logger.error({ msg: 'A table could not be purged', table, err: error });
      }
    }
    if (Object.keys(removed).length > 0) this.logger.log({ msg: 'Old rows were removed', ...removed });
    return removed;
  }

  /** Deletes in batches with one transaction each, so that no lock is held for long. */
  private async purgeTable(rule: RetentionRule): Promise<number> {
    for (let total = 0; ;) {
      const [, rows] = await this.db.query<[unknown, number]>(purgeStatement(rule));
      total += rows;
      if (rows < BATCH_ROWS || this.task.isStopped) return total;
    }
  }
}
