import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type EntityManager, In, MoreThan, type Repository } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { Config } from '../platform/config/config.ts';
import { insertAll } from '../platform/database/many-rows.ts';
import {
  LimitReachedError,
  UnauthenticatedError,
  ValidationFailedError,
} from '../platform/errors/platform.errors.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { fieldFailures } from '../platform/http/validation.pipe.ts';
import { platformTexts } from '../platform/i18n/platform.texts.ts';
import { translate } from '../platform/logging/request-context.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { lockUsers } from '../users/lock-users.ts';
import { userDeleted, userSuspended } from '../users/users.events.ts';
import { JobChanges } from './job-changes.service.ts';
import { type JobDefinition, JobTypes } from './job-definition.ts';
import { JobDispatcher } from './job-dispatcher.service.ts';
import { type JobOptions, insertUniqueJob, newJob, resetJob, type UniqueJobOptions } from './job-rows.ts';
import { inEnqueueSpan } from './job-spans.ts';
import { Job, JobFile } from './job.entity.ts';
import { JobNotCancellableError, JobNotRetryableError } from './jobs.errors.ts';
import { jobPolicy } from './jobs.policy.ts';
import type { JobsQuery, StartJob } from './jobs.schemas.ts';

const UNFINISHED_PER_USER_MAX = 100;
const DAY_MS = 86_400_000;

/** Starts, lists, cancels and retries jobs. */
@Injectable()
export class JobsService implements OnModuleInit {
  constructor(
    @InjectRepository(Job) private readonly jobs: Repository<Job>,
    private readonly db: DataSource,
    private readonly dispatcher: JobDispatcher,
    private readonly changes: JobChanges,
    private readonly types: JobTypes,
    private readonly paginator: Paginator,
    private readonly events: DomainEvents,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.events.on(userSuspended, ({ data }, tx) => this.cancelAllOf(data.id, tx));
    this.events.on(userDeleted, ({ data }, tx) => this.cancelAllOf(data.id, tx));
  }

  /** Starts a job in the transaction of its cause. It runs only if that transaction commits. */
  async enqueue<Input>(
    definition: JobDefinition<Input>,
    input: Input,
    options: UniqueJobOptions,
    tx: EntityManager,
  ): Promise<Job> {
    const { uniqueKey, uniqueForSeconds } = options;
    if (uniqueKey === undefined) {
      const [job] = await this.enqueueAll(definition, [input], options, tx);
      return job!;
    }
    const uniqueUntil =
      uniqueForSeconds === undefined ? null : new Date(Date.now() + uniqueForSeconds * 1_000);
    return inEnqueueSpan(definition.type, 1, async () => {
      const job = tx.create(Job, { ...newJob(definition, input, options), uniqueKey, uniqueUntil });
      const { row, isNew } = await insertUniqueJob(job, tx);
      if (isNew) await this.dispatch([row], options, tx);
      return row;
    });
  }

  /** Starts many jobs with few statements. Returns them in the order of their inputs. */
  async enqueueAll<Input>(
    definition: JobDefinition<Input>,
    inputs: Input[],
    options: JobOptions,
    tx: EntityManager,
  ): Promise<Job[]> {
    return inEnqueueSpan(definition.type, inputs.length, async () => {
      const jobs = inputs.map((input) => tx.create(Job, newJob(definition, input, options)));
      await insertAll(Job, jobs as QueryDeepPartialEntity<Job>[], tx);
      await this.dispatch(jobs, options, tx);
      return jobs;
    });
  }

  private async dispatch(jobs: Job[], { inputFileId }: JobOptions, tx: EntityManager): Promise<void> {
    if (inputFileId) await tx.update(JobFile, { id: inputFileId }, { jobId: jobs[0]!.id });
    for (const job of jobs) this.dispatcher.dispatchAfterCommit(tx, job);
  }

  /** Starts a job of a type that users may start. */
  startForUser({ type, input }: StartJob, userId: string, manager = this.db.manager): Promise<Job> {
    const definition = this.types.find(type);
    if (!definition?.startableByUsers) {
      throw new ValidationFailedError({
        details: [
          {
            path: 'type',
            code: 'INVALID_VALUE',
            message: translate(platformTexts).expectedOneOf(this.namesForUsers()),
          },
        ],
      });
    }
    const parsed = definition.input.safeParse(input);
    if (!parsed.success)
      throw new ValidationFailedError({ details: fieldFailures(parsed.error.issues, input, ['input']) });
    return manager.transaction((tx) => this.enqueueForUser(definition, parsed.data, { userId }, tx));
  }

  private namesForUsers(): string[] {
    const startable = this.types.all().filter((definition) => definition.startableByUsers);
    return startable.map(({ type }) => type);
  }

  /** Starts a job for a user, within the limits of the user. */
  async enqueueForUser<Input>(
    definition: JobDefinition<Input>,
    input: Input,
    options: UniqueJobOptions & { userId: string },
    tx: EntityManager,
  ): Promise<Job> {
    const [user] = await lockUsers([options.userId], tx);
    // Suspended while the request was running: its jobs are already cancelled.
    if (user?.status !== 'active') throw new UnauthenticatedError();
    const job = await this.enqueue(definition, input, options, tx);
    await this.assertWithinLimits({ type: definition.type, userId: options.userId }, tx);
    return job;
  }

  get(id: string, caller: Principal): Promise<Job> {
    return jobPolicy.get('read', id, caller, this.db.manager);
  }

  /** The jobs with these ids that the caller may see. */
  findMany(ids: string[], caller: Principal): Promise<Job[]> {
    const rows = this.jobs.createQueryBuilder('job').where({ id: In(ids) });
    return jobPolicy.filter(rows, 'read', caller).getMany();
  }

  list(query: JobsQuery, caller: Principal) {
    const { type, status, ...page } = query;
    const rows = this.jobs
      .createQueryBuilder('job')
      .where({ ...(type && { type }), ...(status && { status }) });
    return this.paginator.page(jobPolicy.filter(rows, 'read', caller), {
      list: 'jobs',
      page,
      filters: { type, status },
    });
  }

  /** Cancels a queued job at once. A running job stops within seconds. */
  async cancel(id: string, caller: Principal): Promise<Job> {
    const { userId } = await jobPolicy.get('cancel', id, caller, this.db.manager);
    await this.db.transaction(async (tx) => {
      if (userId) await lockUsers([userId], tx);
      const cancelled = await this.cancelWhere('id = $1', id, tx);
      if (!cancelled) throw new JobNotCancellableError();
    });
    const job = await this.jobs.findOneByOrFail({ id });
    // Not awaited: a response must not wait for the queue.
    if (job.status === 'cancelled') void this.dispatcher.removeFromQueue(job);
    return job;
  }

  /** Retries a failed or cancelled job. It continues from its last checkpoint. */
  async retry(id: string, caller: Principal, manager = this.db.manager): Promise<Job> {
    const { userId, type } = await jobPolicy.get('retry', id, caller, manager);
    return manager.transaction(async (tx) => {
      if (userId) await lockUsers([userId], tx);
      if (!(await resetJob(id, tx))) throw new JobNotRetryableError();
      // The limits of the owner don't apply to an administrator who retries the job.
      if (userId === caller.userId) await this.assertWithinLimits({ type, userId }, tx);
      const job = await tx.findOneByOrFail(Job, { id });
      this.dispatcher.dispatchAfterCommit(tx, { ...job, isRetry: true });
      this.changes.publishAfterCommit(tx, [job]);
      return job;
    });
  }

  /** The parsed input of a job, for the feature that reacts to its events. */
  async inputOf<Input>({ input }: JobDefinition<Input>, id: string, tx: EntityManager): Promise<Input> {
    return input.parse((await tx.findOneByOrFail(Job, { id })).input);
  }

  private async cancelAllOf(userId: string, tx: EntityManager): Promise<void> {
    await this.cancelWhere('user_id = $1', userId, tx);
  }

  /** One statement, because a run may start or fail between two. Resolves to whether there was anything to cancel. */
  private async cancelWhere(condition: string, value: string, tx: EntityManager): Promise<boolean> {
    const [rows] = await tx.query<[Pick<Job, 'id' | 'userId' | 'status'>[], number]>(
      `UPDATE jobs SET
         status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
         finished_at = CASE status WHEN 'queued' THEN now() END,
         slot = NULL,
         cancel_requested_at = now()
       WHERE ${condition} AND status IN ('queued', 'active')
       RETURNING id, user_id AS "userId", status`,
      [value],
    );
    const cancelled = rows.filter(({ status }) => status === 'cancelled').map(({ id }) => id);
    await this.changes.emitEnds(cancelled.length > 0 ? await tx.findBy(Job, { id: In(cancelled) }) : [], tx);
    this.changes.publishAfterCommit(tx, rows);
    return rows.length > 0;
  }

  /** Call it after the change in its transaction, which has locked the user so that requests run one at a time. */
  private async assertWithinLimits(
    { type, userId }: { type: string; userId: string },
    tx: EntityManager,
  ): Promise<void> {
    const unfinished = { userId, status: In(['queued', 'active']) };
    if ((await tx.countBy(Job, unfinished)) > UNFINISHED_PER_USER_MAX) throw new LimitReachedError();
    const { perUserAndDay } = this.types.find(type) ?? {};
    if (perUserAndDay === undefined) return;
    const perDay = Math.max(1, Math.round(perUserAndDay * this.config.RATE_LIMIT_FACTOR));
    const today = { userId, type, createdAt: MoreThan(new Date(Date.now() - DAY_MS)) };
    if ((await tx.countBy(Job, today)) > perDay) throw new LimitReachedError();
  }
}
