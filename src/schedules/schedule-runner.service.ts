import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { JobsService } from '../jobs/jobs.service.ts';
import { Config } from '../platform/config/config.ts';
import { IntervalTask } from '../platform/process/interval-task.ts';
import { lastTimeUntil, type Schedule, Schedules, uniqueKeyOf } from './schedule-definition.ts';

/** A run that starts later than this was missed: no worker ran at its time. */
const MISSED_AFTER_SECONDS = 60;
/** How often a worker reports that it has the definition of a schedule. */
const CONFIRM_MS = 60_000;
/** Without a report for this time, the release with the stored definition is gone. */
const ABANDONED_MINUTES = 5;

interface State {
  name: string;
  cron: string;
  timezone: string;
  handledUntil: Date;
  now: Date;
}

/**
 * Starts the jobs of schedules that are due. Runs in every worker: the row of a schedule gives each scheduled time to one of
 * them. Times are compared with the clock of Postgres, which all workers share.
 */
@Injectable()
export class ScheduleRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Schedules');
  private readonly task: IntervalTask;
  private readonly missedAfterMs: number;
  /** Not set until the definitions are stored for the first time. */
  private confirmedAt?: number;

  constructor(
    private readonly db: DataSource,
    private readonly schedules: Schedules,
    private readonly jobs: JobsService,
    config: Config,
  ) {
    this.missedAfterMs = (MISSED_AFTER_SECONDS + config.SWEEP_SECONDS) * 1_000;
    this.task = new IntervalTask('Schedules', () => this.tick(), config.SWEEP_SECONDS * 1_000);
  }

  onApplicationBootstrap(): void {
    if (this.schedules.all().length > 0) this.task.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.task.stop();
  }

  private async tick(): Promise<void> {
    if (this.confirmedAt === undefined || performance.now() - this.confirmedAt > CONFIRM_MS) {
      await this.storeDefinitions({ isStart: this.confirmedAt === undefined });
      this.confirmedAt = performance.now();
    }
    await this.startDueJobs();
  }

  /**
   * A worker that starts replaces the definition of another release. Later it does so only if no worker with the stored
   * definition is left, so that the workers of two releases don't take turns. A new definition begins with its next time.
   */
  async storeDefinitions({ isStart }: { isStart: boolean }): Promise<void> {
    const all = this.schedules.all();
    await this.db.query(
      `INSERT INTO schedules AS stored (name, cron, timezone, handled_until, confirmed_at)
       SELECT name, cron, timezone, now(), now()
       FROM unnest($1::text[], $2::text[], $3::text[]) AS given (name, cron, timezone) ORDER BY name
       ON CONFLICT (name) DO UPDATE SET
         cron = excluded.cron, timezone = excluded.timezone, confirmed_at = now(),
         handled_until = CASE WHEN (stored.cron, stored.timezone) = (excluded.cron, excluded.timezone)
           THEN stored.handled_until ELSE now() END
       WHERE $4 OR (stored.cron, stored.timezone) = (excluded.cron, excluded.timezone)
         OR stored.confirmed_at < now() - make_interval(mins => ${ABANDONED_MINUTES})`,
      [
        all.map(({ name }) => name),
        all.map(({ cron }) => cron),
        all.map(({ timezone }) => timezone),
        isStart,
      ],
    );
  }

  /** `at` replaces the time of Postgres in tests. */
  async startDueJobs(at?: Date): Promise<void> {
    const states = await this.db.query<State[]>(
      `SELECT name, cron, timezone, handled_until AS "handledUntil", now() AS now
       FROM schedules WHERE name = ANY($1) AND paused_at IS NULL`,
      [this.schedules.keys()],
    );
    for (const state of states) {
      try {
        await this.startIfDue({ ...state, ...(at && { now: at }) });
      } catch (error) {
        // An error of one schedule must not stop the others.
        this.logger.error({ msg: 'A schedule could not start its job', schedule: state.name, err: error });
      }
    }
  }

  /** Only the newest scheduled time counts, so runs that were missed never start in a burst. */
  private async startIfDue(state: State): Promise<void> {
    const time = lastTimeUntil(state, state.now);
    if (!time || time <= state.handledUntil) return;
    const schedule = this.schedules.find(state.name)!;
    const isSkipped = schedule.missed === 'skip' && state.now.getTime() - time.getTime() > this.missedAfterMs;
    if (await this.claim(schedule, time, isSkipped)) {
      const msg = isSkipped ? 'A missed run was skipped' : 'A scheduled job was started';
      this.logger.log({ msg, schedule: schedule.name, scheduledFor: time });
    }
  }

  /** One transaction saves the job and the time in the row. Resolves to false if another worker was first. */
  private claim(schedule: Schedule, time: Date, isSkipped: boolean): Promise<boolean> {
    return this.db.transaction(async (tx) => {
      const [, claimed] = await tx.query<[unknown, number]>(
        `UPDATE schedules SET handled_until = $2 WHERE name = $1 AND handled_until < $2 AND paused_at IS NULL`,
        [schedule.name, time],
      );
      if (claimed === 0) return false;
      if (isSkipped) return true;
      // Available since its scheduled time: the clock of this machine may be ahead. Starts no second job while an
      // earlier one is unfinished, so that a paused queue collects no jobs.
      const options = { availableAt: time, uniqueKey: uniqueKeyOf(schedule.name) };
      const job = await this.jobs.enqueue(schedule.job, schedule.inputFor(time), options, tx);
      await tx.query(`UPDATE schedules SET last_run_at = $2, last_job_id = $3 WHERE name = $1`, [
        schedule.name,
        time,
        job.id,
      ]);
      return true;
    });
  }
}
