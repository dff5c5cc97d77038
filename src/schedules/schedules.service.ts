import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { JobTypes } from '../jobs/job-definition.ts';
import { JobsService } from '../jobs/jobs.service.ts';
import { StartupError } from '../platform/config/config.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { definePermission } from '../platform/security/permissions.ts';
import {
  assertValidSchedule,
  firstTimeAfter,
  type Schedule,
  Schedules,
  uniqueKeyOf,
} from './schedule-definition.ts';
import { ScheduleState } from './schedule.entity.ts';
import { schedulePaused, scheduleResumed, scheduleStarted } from './schedules.audit.ts';

export const schedulesManage = definePermission({
  name: 'schedules:manage',
  description: 'List, run, pause and resume the schedules of jobs.',
});

/** Lists, starts, pauses and resumes the schedules of this release. */
@Injectable()
export class SchedulesService implements OnModuleInit {
  constructor(
    private readonly db: DataSource,
    private readonly schedules: Schedules,
    private readonly types: JobTypes,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
  ) {}

  /** Stops the start of the API and of the worker if a schedule is invalid. */
  onModuleInit(): void {
    for (const schedule of this.schedules.all()) {
      assertValidSchedule(schedule);
      const { type } = schedule.job;
      if (!this.types.find(type))
        throw new StartupError(
          `Schedule ${schedule.name}: register the job type ${type} with JobsModule.forFeature.`,
        );
    }
  }

  async list() {
    const states = await this.db.manager.find(ScheduleState);
    return this.schedules
      .all()
      .map((schedule) =>
        viewOf(schedule, states.find(({ name }) => name === schedule.name) ?? initialState(schedule)),
      )
      .toSorted((one, other) => one.name.localeCompare(other.name));
  }

  /** A paused schedule starts no jobs. Pausing it twice is harmless. */
  async pause(name: string) {
    const { cron, timezone } = this.get(name);
    return this.change(name, async (tx) => {
      // Inserts the row too: no worker may have started yet.
      const rows = await tx.query<unknown[]>(
        `INSERT INTO schedules (name, cron, timezone, handled_until, confirmed_at, paused_at)
         VALUES ($1, $2, $3, now(), now(), now())
         ON CONFLICT (name) DO UPDATE SET paused_at = now() WHERE schedules.paused_at IS NULL
         RETURNING name`,
        [name, cron, timezone],
      );
      if (rows.length > 0)
        await this.audit.record({ type: schedulePaused, userId: null, data: { name } }, tx);
    });
  }

  /** Runs that were due during the pause are skipped. */
  resume(name: string) {
    this.get(name);
    return this.change(name, async (tx) => {
      const [, resumed] = await tx.query<[unknown, number]>(
        `UPDATE schedules SET paused_at = NULL, handled_until = now() WHERE name = $1 AND paused_at IS NOT NULL`,
        [name],
      );
      if (resumed > 0) await this.audit.record({ type: scheduleResumed, userId: null, data: { name } }, tx);
    });
  }

  /** Starts the job now, even while the schedule is paused. Starts no second job while one is unfinished. */
  runNow(name: string, outerTx?: EntityManager) {
    const schedule = this.get(name);
    return this.change(name, (tx) => this.startJob(schedule, tx), outerTx);
  }

  private async startJob(
    { name, cron, timezone, job, inputFor }: Schedule,
    tx: EntityManager,
  ): Promise<void> {
    const now = new Date();
    const { id: jobId } = await this.jobs.enqueue(job, inputFor(now), { uniqueKey: uniqueKeyOf(name) }, tx);
    const rows = await tx.query<unknown[]>(
      `INSERT INTO schedules (name, cron, timezone, handled_until, confirmed_at, last_run_at, last_job_id)
       VALUES ($1, $2, $3, now(), now(), $4, $5)
       ON CONFLICT (name) DO UPDATE SET last_run_at = $4, last_job_id = $5
         WHERE schedules.last_job_id IS DISTINCT FROM $5
       RETURNING name`,
      [name, cron, timezone, now, jobId],
    );
    if (rows.length > 0)
      await this.audit.record({ type: scheduleStarted, userId: null, data: { name, jobId } }, tx);
  }

  private get(name: string): Schedule {
    const schedule = this.schedules.find(name);
    if (!schedule) throw new NotFoundError();
    return schedule;
  }

  private async change(name: string, work: (tx: EntityManager) => Promise<void>, outerTx?: EntityManager) {
    const changeIn = async (tx: EntityManager) => {
      await work(tx);
      return tx.findOneBy(ScheduleState, { name });
    };
    const state = await (outerTx ? changeIn(outerTx) : this.db.transaction(changeIn));
    const schedule = this.get(name);
    return viewOf(schedule, state ?? initialState(schedule));
  }
}

function viewOf({ name, job, missed }: Schedule, state: Omit<ScheduleState, 'name' | 'confirmedAt'>) {
  const { cron, timezone, handledUntil, lastRunAt, lastJobId, pausedAt } = state;
  const nextRunAt = pausedAt ? null : firstTimeAfter({ cron, timezone }, handledUntil);
  return { name, cron, timezone, jobType: job.type, missed, lastRunAt, lastJobId, nextRunAt, pausedAt };
}

/** The state of a schedule without a row: no worker has started with it yet. */
const initialState = ({ cron, timezone }: Schedule) => ({
  cron,
  timezone,
  handledUntil: new Date(),
  lastRunAt: null,
  lastJobId: null,
  pausedAt: null,
});
