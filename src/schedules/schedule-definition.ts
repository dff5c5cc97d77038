import { Injectable } from '@nestjs/common';
import { Cron } from 'croner';
import type { z } from 'zod';
import type { JobDefinition } from '../jobs/job-definition.ts';
import { StartupError } from '../platform/config/config.ts';
import { Registry } from '../platform/registry/registry.ts';

interface ScheduleOptions<Input> {
  /** In kebab case. The row in the table `schedules` has this name, so a new name is a new schedule. */
  readonly name: string;
  /** Five fields: minute, hour, day of month, month, day of week. Or `@daily` and the like. */
  readonly cron: string;
  /** An IANA time zone, such as `Europe/Berlin`. Required, so that the time zone of the server has no effect. */
  readonly timezone: string;
  /** The job that each run starts. */
  readonly job: JobDefinition<Input>;
  /** The input of the job. A function gets the scheduled time of the run. Default: `{}`. */
  readonly input?: Input | ((scheduledFor: Date) => Input);
  /**
   * Runs that were missed while no worker ran: `once` starts the newest one late, `skip` starts none. Default: once.
   */
  readonly missed?: 'once' | 'skip';
}

export interface Schedule {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  readonly job: JobDefinition;
  readonly missed: 'once' | 'skip';
  readonly inputFor: (scheduledFor: Date) => unknown;
}

/** A recurring job. Register it with `SchedulesModule.forFeature`. */
export function defineSchedule<Input>({ input, missed = 'once', ...rest }: ScheduleOptions<Input>): Schedule {
  const inputFor = typeof input === 'function' ? (input as (time: Date) => Input) : () => input ?? {};
  return { ...rest, missed, inputFor };
}

/** A schedule has one unfinished job at a time. */
export const uniqueKeyOf = (scheduleName: string): string => `schedule ${scheduleName}`;

/** The schedules of all features. */
@Injectable()
export class Schedules extends Registry<Schedule> {
  protected keyOf({ name }: Schedule): string {
    return name;
  }
}

export interface Timing {
  cron: string;
  timezone: string;
}

/**
 * The newest scheduled time at or before `until`. Daylight saving time: a time that the clock skips is moved to the end
 * of the gap. A time that the clock repeats counts only once, the first time.
 */
export const lastTimeUntil = (timing: Timing, until: Date): Date | undefined =>
  parse(timing).previousRuns(1, new Date(until.getTime() + 1))[0];

export const firstTimeAfter = (timing: Timing, after: Date): Date | null => parse(timing).nextRun(after);

const parse = ({ cron, timezone }: Timing): Cron => new Cron(cron, { timezone, mode: '5-part' });

/** Throws a StartupError with the name of the schedule if its cron expression, time zone or input is invalid. */
export function assertValidSchedule({ name, cron, timezone, job, inputFor }: Schedule): void {
  const fail = (problem: string): never => {
    throw new StartupError(`Schedule ${name}: ${problem}.`);
  };
  if (!isTimezone(timezone)) fail(`"${timezone}" is not a time zone, such as Europe/Berlin or UTC`);
  // Croner also accepts a date, which is no recurring time.
  if (/^\d{4}-/.test(cron.trim())) fail(`"${cron}" is not a cron expression`);
  let next: Date | null = null;
  try {
    next = firstTimeAfter({ cron, timezone }, new Date());
  } catch (error) {
    fail(`"${cron}" is not a cron expression: ${(error as Error).message}`);
  }
  if (!next) fail(`"${cron}" never matches a date`);
  const input = job.input.safeParse(inputFor(next ?? new Date()));
  if (!input.success) fail(`the input of the job ${job.type} is invalid: ${describe(input.error)}`);
}

const describe = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join(', ');

function isTimezone(timezone: string): boolean {
  try {
    return Boolean(timezone && new Intl.DateTimeFormat('en', { timeZone: timezone }));
  } catch {
    return false;
  }
}
