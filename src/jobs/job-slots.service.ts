import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import type { Job } from './job.entity.ts';

/** How long the sweep of jobs ignores a job that waits for a slot. It is dispatched when it gets the slot. */
const WAIT_DAYS = 1;
/** A queued job of a paused queue has no slot, because jobs of another type with the same key may need it. */
const IS_PAUSED = `EXISTS (SELECT FROM paused_queues WHERE paused_queues.type = jobs.type)`;
const HAS_SLOT = `(status = 'active' OR slot = 'granted') AND (status = 'active' OR NOT ${IS_PAUSED})`;
const WAITS = `slot = 'waiting' AND NOT ${IS_PAUSED}`;
/** Keys per sweep. */
const SWEEP_KEYS_MAX = 1_000;

/**
 * Limits how many jobs with the same concurrency key run at a time. A job that finds no free slot leaves the queue, so
 * it takes no time of a worker. When a run ends, the waiting job with the best priority gets the slot, the oldest
 * first.
 */
@Injectable()
export class JobSlots {
  private readonly logger = new Logger('JobSlots');

  constructor(
    private readonly db: DataSource,
    private readonly types: JobTypes,
    private readonly dispatcher: JobDispatcher,
  ) {}

  /** Runs `claimRow` if the job has no key, or a slot is free. Otherwise the job waits, and this resolves to null. */
  claim<T>(
    id: string,
    definition: JobDefinition,
    claimRow: (tx: EntityManager) => Promise<T>,
  ): Promise<T | null> {
    return this.db.transaction(async (tx) => {
      const [job] = await tx.query<{ key: string | null }[]>(
        `SELECT concurrency_key AS key FROM jobs WHERE id = $1`,
        [id],
      );
      if (!job?.key) return claimRow(tx);
      await lockKey(job.key, tx);
      if ((await countTaken(job.key, id, tx)) < slotsOf(definition)) return claimRow(tx);
      // An active job keeps its slot until its run ends, so a run that takes it over needs no other.
      const [, waiting] = await tx.query<[unknown, number]>(
        `UPDATE jobs SET slot = 'waiting', dispatched_at = now() + interval '${WAIT_DAYS} day'
         WHERE id = $1 AND status = 'queued'`,
        [id],
      );
      return waiting > 0 ? null : claimRow(tx);
    });
  }

  /** Call it after the commit that ended a run. If the process dies before this call, the sweep grants the slots. */
  async grantFree(key: string | null): Promise<void> {
    if (!key) return;
    try {
      const granted = await this.db.transaction((tx) => this.grant(key, tx));
      for (const job of granted) this.logger.debug({ msg: 'Job got a slot', jobId: job.id });
    } catch (error) {
      this.logger.warn({ msg: 'Granting job slots failed: the sweep will retry', err: error });
    }
  }

  /** Grants slots that a killed worker, a cancelled job or a deleted job has left free. Reads one row per key. */
  async sweep(): Promise<void> {
    const keys = await this.db.query<{ key: string }[]>(
      `WITH RECURSIVE waiting (key) AS (
         (SELECT concurrency_key FROM jobs WHERE slot = 'waiting' ORDER BY concurrency_key LIMIT 1)
         UNION ALL
         SELECT (SELECT concurrency_key FROM jobs WHERE slot = 'waiting' AND concurrency_key > waiting.key
                 ORDER BY concurrency_key LIMIT 1)
         FROM waiting WHERE waiting.key IS NOT NULL
       )
       SELECT key FROM waiting WHERE key IS NOT NULL
         AND EXISTS (SELECT FROM jobs WHERE concurrency_key = waiting.key AND ${WAITS})
         AND NOT EXISTS (SELECT FROM jobs WHERE concurrency_key = waiting.key AND ${HAS_SLOT})
       LIMIT ${SWEEP_KEYS_MAX}`,
    );
    for (const { key } of keys) await this.grantFree(key);
  }

  private async grant(key: string, tx: EntityManager): Promise<Job[]> {
    await lockKey(key, tx);
    const [first] = await tx.query<{ type: string }[]>(
      `SELECT type FROM jobs WHERE concurrency_key = $1 AND ${WAITS} ORDER BY priority, id LIMIT 1`,
      [key],
    );
    const definition = first && this.types.find(first.type);
    if (!definition) return [];
    const free = slotsOf(definition) - (await countTaken(key, null, tx));
    if (free <= 0) return [];
    const [granted] = await tx.query<[Job[], number]>(
      `UPDATE jobs SET slot = 'granted', dispatched_at = NULL WHERE id IN (
         SELECT id FROM jobs WHERE concurrency_key = $1 AND ${WAITS} ORDER BY priority, id LIMIT $2
       )
       RETURNING id, type, priority, available_at AS "availableAt"`,
      [key, free],
    );
    for (const job of granted) this.dispatcher.dispatchAfterCommit(tx, job);
    return granted;
  }
}

const slotsOf = ({ onePerUser, concurrencyPerKey }: JobDefinition): number =>
  onePerUser ? 1 : (concurrencyPerKey ?? 1);

/** Claims and grants of one key run one at a time, because they would not see each other's changes. */
const lockKey = (key: string, tx: EntityManager) =>
  tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('slots of ' || $1, 0))`, [key]);

async function countTaken(key: string, exceptId: string | null, tx: EntityManager): Promise<number> {
  const [row] = await tx.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM jobs
     WHERE concurrency_key = $1 AND id IS DISTINCT FROM $2 AND ${HAS_SLOT}`,
    [key, exceptId],
  );
  return row!.count;
}
