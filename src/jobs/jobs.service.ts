import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, In, MoreThan, type Repository } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { Config } from '../platform/config/config.ts';
import { AfterCommit } from '../platform/database/after-commit.ts';
import { insertAll } from '../platform/database/insert-all.ts';
import {
  LimitReachedError,
  NotFoundError,
  ValidationFailedError,
} from '../platform/errors/platform.errors.ts';
import { fieldFailures } from '../platform/http/validation.pipe.ts';
import { currentContext } from '../platform/logging/request-context.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { JobListeners } from './job-listeners.service.ts';
import { INITIAL_JOB_STATE, Job } from './job.entity.ts';
import { JobNotCancellableError, JobNotRetryableError } from './jobs.errors.ts';
import type { JobsQuery, StartJob } from './jobs.schemas.ts';

const UNFINISHED_PER_USER_MAX = 100;
const DAY_MS = 86_400_000;

interface Ownership {
  /** Who may watch it; left out for the system's own work. */
  userId?: string;
  inputFileId?: string;
  /** Not to be run before this. */
  availableAt?: Date;
}

/** The ledger of background work: what must happen, what became of it. */
@Injectable()
export class JobsService {
  private readonly changes: AfterCommit<Job>;

  constructor(
    @InjectRepository(Job) private readonly jobs: Repository<Job>,
    private readonly db: DataSource,
    private readonly dispatcher: JobDispatcher,
    private readonly listeners: JobListeners,
    private readonly types: JobTypes,
    private readonly paginator: Paginator,
    private readonly config: Config,
  ) {
    this.changes = new AfterCommit(db, (changed) => changed.forEach((job) => listeners.publishChange(job)));
  }

  /** Starts work in the transaction of the change that causes it: it happens if that commits, and never otherwise. */
  async enqueue<Input>(
    definition: JobDefinition<Input>,
    input: Input,
    ownership: Ownership,
    tx: EntityManager,
  ): Promise<Job> {
    const [job] = await this.enqueueAll(definition, [input], ownership, tx);
    return job!;
  }

  /** The same for many at once, in few statements; the jobs are in the order of their inputs. */
  async enqueueAll<Input>(
    definition: JobDefinition<Input>,
    inputs: Input[],
    ownership: Ownership,
    tx: EntityManager,
  ): Promise<Job[]> {
    const context = currentContext();
    const jobs = inputs.map((input) =>
      tx.create(Job, {
        id: randomUUIDv7(),
        type: definition.type,
        input: definition.input.parse(input) as object,
        userId: ownership.userId ?? null,
        inputFileId: ownership.inputFileId ?? null,
        correlationId: context?.correlationId ?? randomUUID(),
        traceparent: context?.traceparent ?? null,
        ...INITIAL_JOB_STATE,
        result: null,
        availableAt: ownership.availableAt ?? new Date(),
      }),
    );
    await insertAll(Job, jobs as QueryDeepPartialEntity<Job>[], tx);
    for (const job of jobs) this.dispatcher.dispatchAfterCommit(tx, job);
    return jobs;
  }

  /** Starts one of the types that any user may start, named by the client. */
  startForUser({ type, input }: StartJob, userId: string, manager = this.db.manager): Promise<Job> {
    const definition = this.types.find(type);
    if (!definition?.startableByUsers) {
      throw new ValidationFailedError({
        details: [
          { path: 'type', code: 'INVALID_VALUE', message: `Expected one of: ${this.namesForUsers()}.` },
        ],
      });
    }
    const parsed = definition.input.safeParse(input);
    if (!parsed.success)
      throw new ValidationFailedError({ details: fieldFailures(parsed.error.issues, input, ['input']) });
    return manager.transaction((tx) => this.enqueueForUser(definition, parsed.data, { userId }, tx));
  }

  private namesForUsers(): string {
    const startable = this.types.all().filter((definition) => definition.startableByUsers);
    return startable.map(({ type }) => type).join(', ');
  }

  /** The same for work that a user asks for: refused while too much of theirs is unfinished. */
  async enqueueForUser<Input>(
    definition: JobDefinition<Input>,
    input: Input,
    ownership: Ownership & { userId: string },
    tx: EntityManager,
  ): Promise<Job> {
    const job = await this.enqueue(definition, input, ownership, tx);
    await this.assertWithinLimits({ type: definition.type, userId: ownership.userId }, tx);
    return job;
  }

  /** Own jobs; an administrator sees everybody's and the system's. */
  async get(id: string, caller: Principal, manager = this.db.manager): Promise<Job> {
    const job = await manager.findOneBy(Job, { id, ...ownedBy(caller) });
    if (!job) throw new NotFoundError();
    return job;
  }

  list(query: JobsQuery, caller: Principal) {
    const { type, status, ...page } = query;
    const rows = this.jobs.createQueryBuilder('job').where({
      ...ownedBy(caller),
      ...(type && { type }),
      ...(status && { status }),
    });
    return this.paginator.page(rows, {
      list: 'jobs',
      page,
      filters: { type, status },
      sorts: { createdAt: 'createdAt' },
    });
  }

  /** A queued job ends at once; a running one is told to stop, and ends within seconds. */
  async cancel(id: string, caller: Principal): Promise<Job> {
    await this.get(id, caller);
    await this.db.transaction(async (tx) => {
      // One statement, since a run may begin or fail at any moment between two.
      const [[cancelled]] = await tx.query<[Pick<Job, 'type' | 'userId' | 'status'>[], number]>(
        `UPDATE jobs SET
           status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
           finished_at = CASE status WHEN 'queued' THEN now() END,
           cancel_requested_at = now()
         WHERE id = $1 AND status IN ('queued', 'active')
         RETURNING type, user_id AS "userId", status`,
        [id],
      );
      if (!cancelled) throw new JobNotCancellableError();
      const { type, userId, status } = cancelled;
      if (status === 'cancelled') await this.listeners.emitOutcome({ id, type, userId, status }, tx);
    });
    const job = await this.get(id, caller);
    this.listeners.publishChange(job);
    // Not awaited: a queue that is away must not keep the answer.
    if (job.status === 'cancelled') void this.dispatcher.removeFromQueue(job);
    return job;
  }

  /** Starts a failed or cancelled job anew; it goes on where it had got to. */
  async retry(id: string, caller: Principal, manager = this.db.manager): Promise<Job> {
    const { userId, type } = await this.get(id, caller, manager);
    return manager.transaction(async (tx) => {
      const { affected } = await tx.update(
        Job,
        { id, status: In(['failed', 'cancelled']) },
        { ...INITIAL_JOB_STATE, availableAt: new Date() },
      );
      if (!affected) throw new JobNotRetryableError();
      // The limits of the owner don't apply to an administrator who retries the job.
      if (userId === caller.userId) await this.assertWithinLimits({ type, userId }, tx);
      const job = await tx.findOneByOrFail(Job, { id });
      this.dispatcher.dispatchAfterCommit(tx, { ...job, isRetry: true });
      this.changes.add(tx, job);
      return job;
    });
  }

  /** Call it after the job was inserted, in the same transaction: it counts the new job, too. */
  private async assertWithinLimits(
    { type, userId }: { type: string; userId: string },
    tx: EntityManager,
  ): Promise<void> {
    // Without a lock, two parallel requests of one user would not see each other's job.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('jobs of ' || $1, 0))`, [userId]);
    const unfinished = { userId, status: In(['queued', 'active']) };
    if ((await tx.countBy(Job, unfinished)) > UNFINISHED_PER_USER_MAX) throw new LimitReachedError();
    const { perUserAndDay } = this.types.find(type) ?? {};
    if (perUserAndDay === undefined) return;
    const perDay = Math.max(1, Math.round(perUserAndDay * this.config.RATE_LIMIT_FACTOR));
    const today = { userId, type, createdAt: MoreThan(new Date(Date.now() - DAY_MS)) };
    if ((await tx.countBy(Job, today)) > perDay) throw new LimitReachedError();
  }
}

const ownedBy = (caller: Principal) => (caller.roles.includes('admin') ? {} : { userId: caller.userId });
