import { describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Config } from '../../platform/config/config.ts';
import { SessionRevocations } from './session-revocations.service.ts';

Logger.overrideLogger(false);

const READ_AT = '2026-01-01 12:00:00+00';

/** Returns the next reply to each poll. An error simulates a lost connection. */
function databaseWith(replies: (string[] | Error)[]) {
  const parameters: unknown[][] = [];
  const query = async (_sql: string, values: unknown[]) => {
    parameters.push(values);
    const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
    if (reply instanceof Error) throw reply;
    return [{ readAt: READ_AT, ids: reply }];
  };
  return { db: { query, subscribers: [] } as unknown as DataSource, parameters };
}

const revocationsOn = (db: DataSource) => new SessionRevocations(db, { ACCESS_TOKEN_SECONDS: 600 } as Config);

describe('the list of revoked sessions', () => {
  it('looks back to the last successful poll after polls have failed', async () => {
    jest.useFakeTimers();
    const { db, parameters } = databaseWith([
      [],
      new Error('Connection terminated'),
      new Error('again'),
      ['a'],
    ]);
    const revocations = revocationsOn(db);
    await revocations.startPolling();

    await jest.advanceTimersByTimeAsync(2_000);

    expect(parameters[0]).toEqual(['now', 750]);
    expect(parameters.slice(1).map(([since]) => since)).toEqual(parameters.slice(1).map(() => READ_AT));
    expect(revocations.has('a')).toBe(true);
    await revocations.stopPolling();
    jest.useRealTimers();
  });

  it('is stale once Postgres has not responded for 30 s, and current again after the next poll', async () => {
    jest.useFakeTimers();
    const lost = new Error('Connection terminated');
    const replies = [[], lost];
    const { db } = databaseWith(replies);
    const revocations = revocationsOn(db);
    await revocations.startPolling();

    await jest.advanceTimersByTimeAsync(29_000);
    expect(revocations.isStale).toBe(false);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(revocations.isStale).toBe(true);

    replies[0] = [];
    await jest.advanceTimersByTimeAsync(1_000);
    expect(revocations.isStale).toBe(false);
    await revocations.stopPolling();
    jest.useRealTimers();
  });

  it('keeps a session when the wall clock of the process jumps forward', async () => {
    const { db } = databaseWith([['a'], []]);
    const revocations = revocationsOn(db);
    await revocations.startPolling();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);

    await new Promise((resolve) => setTimeout(resolve, 900));

    expect(revocations.has('a')).toBe(true);
    clock.mockRestore();
    await revocations.stopPolling();
  });
});
