import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
import { assertValidSchedule, defineSchedule, firstTimeAfter, lastTimeUntil } from './schedule-definition.ts';

const job = defineJob({ type: 'report', input: z.strictObject({ day: z.string() }) });
const valid = { name: 'report', cron: '0 9 * * *', timezone: 'Europe/Berlin', job, input: { day: 'x' } };

describe('a schedule', () => {
  it.each([
    ['a field out of range', { cron: '61 * * * *' }, /^Schedule report: "61 \* \* \* \*" is not a cron/],
    ['seconds', { cron: '0 0 9 * * *' }, /is not a cron expression/],
    ['no fields', { cron: '' }, /is not a cron expression/],
    ['one date', { cron: '2099-01-01T00:00:00' }, /is not a cron expression/],
    ['a date that does not exist', { cron: '0 0 31 2 *' }, /never matches a date/],
    ['an unknown time zone', { timezone: 'Mars/Olympus' }, /"Mars\/Olympus" is not a time zone/],
    ['no time zone', { timezone: '' }, /"" is not a time zone/],
    ['an input that the job rejects', { input: {} as { day: string } }, /input of the job report is invalid/],
  ])('is invalid with %s', (_, change, message) => {
    expect(() => assertValidSchedule(defineSchedule({ ...valid, ...change }))).toThrow(message);
  });

  it('passes its scheduled time to the function that makes the input', () => {
    const schedule = defineSchedule({ ...valid, input: (at: Date) => ({ day: at.toISOString() }) });

    expect(() => assertValidSchedule(schedule)).not.toThrow();
    expect(schedule.inputFor(new Date(0))).toEqual({ day: '1970-01-01T00:00:00.000Z' });
  });
});

const timesOf = (timing: { cron: string; timezone: string }, from: string, count: number): string[] => {
  const times: string[] = [];
  for (let at = new Date(from); times.length < count;) {
    at = firstTimeAfter(timing, at)!;
    times.push(at.toISOString());
    expect(lastTimeUntil(timing, at)).toEqual(at);
  }
  return times;
};

describe('a change of daylight saving time', () => {
  const timing = { cron: '30 2 * * *', timezone: 'Europe/Berlin' };

  it('runs a time that the clock skips at the end of the gap', () => {
    expect(timesOf(timing, '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('runs a day that begins in the gap', () => {
    expect(timesOf({ cron: '0 0 * * *', timezone: 'America/Sao_Paulo' }, '2018-11-03T12:00:00Z', 2)).toEqual([
      '2018-11-04T03:00:00.000Z',
      '2018-11-05T02:00:00.000Z',
    ]);
  });

  it('runs a time that repeats the first time only', () => {
    expect(timesOf(timing, '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    expect(lastTimeUntil(timing, new Date('2026-10-25T01:45:00Z'))).toEqual(new Date('2026-10-25T00:30:00Z'));
  });

  it('keeps an hourly schedule hourly', () => {
    expect(timesOf({ ...timing, cron: '30 * * * *' }, '2026-10-25T00:00:00Z', 3)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:30:00.000Z',
    ]);
  });
});
