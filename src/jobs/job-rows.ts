import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { type EntityManager, In } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { insertIfAbsent } from '../platform/database/insert-if-absent.ts';
import { violatedUniqueConstraint } from '../platform/database/postgres-errors.ts';
import { currentContext, currentTraceparent } from '../platform/logging/request-context.ts';
import { hasConcurrencyKeys, type JobDefinition } from './job-definition.ts';
import { INITIAL_JOB_STATE, Job } from './job.entity.ts';

export interface JobOptions {
  /** The user who may watch it. Left out for system jobs. */
  userId?: string;
  inputFileId?: string;
  /** The job doesn't run before this time. */
  availableAt?: Date;
  /** 0 (first) to 9, instead of the priority of the type. */
  priority?: number;
  /** Only `concurrencyPerKey` jobs with this key run at a time. Types share a key if they use the same text. */
  concurrencyKey?: string;
}

export interface UniqueJobOptions extends JobOptions {
  /** While a job of the type with this key is unfinished, `enqueue` returns it and starts no other. */
  uniqueKey?: string;
  /** Keeps the key taken for this time after the start, even if the job finishes earlier. */
  uniqueForSeconds?: number;
}

const UNIQUE_KEY = 'jobs_unique_key_key';

/** The values of a new row. */
export function newJob<Input>(definition: JobDefinition<Input>, input: Input, options: JobOptions) {
  const context = currentContext();
  return {
    id: randomUUIDv7(),
    type: definition.type,
    input: definition.input.parse(input) as object,
    priority: options.priority ?? definition.priority,
    concurrencyKey: concurrencyKeyOf(definition, options),
    uniqueKey: null,
    uniqueUntil: null,
    userId: options.userId ?? null,
    inputFileId: options.inputFileId ?? null,
    correlationId: context?.correlationId ?? randomUUID(),
    traceparent: currentTraceparent() ?? null,
    ...INITIAL_JOB_STATE,
    result: null,
    availableAt: options.availableAt ?? new Date(),
  };
}

function concurrencyKeyOf(definition: JobDefinition, { concurrencyKey, userId }: JobOptions): string | null {
  if (definition.onePerUser) return userId ? `${definition.type} of ${userId}` : null;
  if (concurrencyKey !== undefined && !hasConcurrencyKeys(definition))
    throw new Error(`Set concurrencyPerKey in the definition of the job type ${definition.type}`);
  return concurrencyKey ?? null;
}

/** Inserts the job, or returns the job that has its unique key. That job may finish in the meantime. */
export async function insertUniqueJob(job: Job, tx: EntityManager): Promise<{ row: Job; isNew: boolean }> {
  const { type, uniqueKey } = job;
  await tx.query(
    `UPDATE jobs SET unique_until = NULL
     WHERE type = $1 AND unique_key = $2 AND unique_until <= now() AND status NOT IN ('queued', 'active')`,
    [type, uniqueKey],
  );
  const find = () =>
    tx
      .createQueryBuilder(Job, 'job')
      .where({ type, uniqueKey })
      .andWhere(`(job.status IN ('queued', 'active') OR job.unique_until IS NOT NULL)`)
      .getOne();
  return insertIfAbsent(Job, job as QueryDeepPartialEntity<Job>, find, tx);
}

/** Resets a failed or cancelled job to its initial state. False if it has another status, or another job has its key. */
export async function resetJob(id: string, tx: EntityManager): Promise<boolean> {
  try {
    // In a savepoint, because the caller's transaction goes on.
    const { affected } = await tx.transaction((inner) =>
      inner.update(
        Job,
        { id, status: In(['failed', 'cancelled']) },
        { ...INITIAL_JOB_STATE, availableAt: new Date() },
      ),
    );
    return Boolean(affected);
  } catch (error) {
    if (violatedUniqueConstraint(error) === UNIQUE_KEY) return false;
    throw error;
  }
}
