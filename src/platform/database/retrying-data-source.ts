import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase, Pool } from 'pg';
import { DataSource, EntityManager, QueryFailedError, type QueryRunner } from 'typeorm';
import { isTransactionAborted } from './postgres-errors.ts';

type Work<T> = (tx: EntityManager) => Promise<T>;
type IsolationLevel = Parameters<QueryRunner['startTransaction']>[0];

const ATTEMPTS_MAX = 4;
const PAUSE_MS = 20;

/**
 * Runs a transaction again if Postgres aborted it because of a deadlock or a serialization failure. So each transaction
 * must be safe to repeat: it changes the database only through `tx` and has no other side effects.
 * See docs/decisions/0033-lock-order-and-retries.md.
 */
export class RetryingDataSource extends DataSource {
  override createEntityManager(queryRunner?: QueryRunner): EntityManager {
    return new RetryingEntityManager(this, queryRunner);
  }

  /** Uses the connection directly: TypeORM's query runner costs as much as a simple statement (docs/performance.md). */
  override async query<Result>(
    statement: string,
    values?: unknown[],
    queryRunner?: QueryRunner,
  ): Promise<Result> {
    // Throws, because the connection of this query runner has broken.
    if (queryRunner?.isReleased) return super.query(statement, values, queryRunner);
    this.logger.logQuery(statement, values, queryRunner);
    if (queryRunner) return queryOn((await queryRunner.connect()) as ClientBase, statement, values);
    const { master: pool } = this.driver as unknown as { master: Pool };
    const client = await pool.connect();
    try {
      return await queryOn(client, statement, values);
    } finally {
      client.release();
    }
  }
}

/** Resolves to the same result as TypeORM's `query`. */
async function queryOn<Result>(client: ClientBase, statement: string, values?: unknown[]): Promise<Result> {
  try {
    const { rows, rowCount, command } = await client.query(statement, values);
    return (['UPDATE', 'DELETE'].includes(command) ? [rows, rowCount] : rows) as Result;
  } catch (error) {
    throw new QueryFailedError(statement, values, error as Error);
  }
}

class RetryingEntityManager extends EntityManager {
  override transaction<T>(work: Work<T>): Promise<T>;
  override transaction<T>(isolation: IsolationLevel, work: Work<T>): Promise<T>;
  override async transaction<T>(first: IsolationLevel | Work<T>, second?: Work<T>): Promise<T> {
    const run = (): Promise<T> =>
      typeof first === 'function' ? super.transaction(first) : super.transaction(first!, second!);
    // A savepoint can't be repeated alone: a deadlock aborts the whole transaction.
    if (this.queryRunner) return run();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run();
      } catch (error) {
        if (!isTransactionAborted(error) || attempt === ATTEMPTS_MAX) throw error;
        new Logger('Database').warn({
          msg: 'Transaction aborted by a deadlock; retrying',
          attempt,
          err: error,
        });
        // Random, so that the two transactions of a deadlock don't meet again.
        await sleep(Math.random() * PAUSE_MS * attempt);
      }
    }
  }
}
