import { Cron } from 'croner';
import { UsageError } from '../usage-error.ts';

/** When a recurring job runs. */
export interface Times {
  cron: string;
  timezone: string;
}

/** Applies the same rules as the application at startup. */
export function parseTimes({
  schedule,
  timezone,
}: {
  schedule?: string | undefined;
  timezone?: string | undefined;
}): Times | undefined {
  if (schedule === undefined && timezone === undefined) return undefined;
  if (schedule === undefined || timezone === undefined)
    throw new UsageError('A schedule needs both: --schedule <cron> --timezone <name>.');
  if (!isTimezone(timezone))
    throw new UsageError(`${timezone} is not a time zone. Examples: Europe/Berlin, UTC.`);
  if (!isCron(schedule))
    throw new UsageError(`${schedule} is not a cron expression of five fields. Example: '0 9 * * MON'.`);
  return { cron: schedule, timezone };
}

function isTimezone(name: string): boolean {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    return timeZone !== '' && /^[\w+/-]+$/.test(name);
  } catch {
    return false;
  }
}

function isCron(text: string): boolean {
  try {
    const isPlain = /^[\w@*/, -]+$/.test(text) && !/^\d{4}-/.test(text);
    return isPlain && new Cron(text, { mode: '5-part', paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}
