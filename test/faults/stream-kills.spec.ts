import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { setTimeout as pause } from 'node:timers/promises';
import { EventSource } from '../support/event-source.ts';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { recordOutcome } from './outcomes.ts';

const KILLS = 8;
const BETWEEN_JOBS_MS = 250;

describe.each(backends)('a stream whose server is killed, on %s,', (backend) => {
  let system: System;
  let userId: string;

  beforeAll(async () => {
    system = await System.start({ backend });
    await system.startWorker();
    await system.startApi();
    userId = String(decodeJwt(await system.token()).sub);
  }, 60_000);

  afterAll(() => system.stop());

  /**
   * Each job ends with a notification. Inserts rows, because the API is down most of the time. Does nothing while a job
   * is unfinished, because a user's exports run one after the other.
   */
  const startExport = () =>
    system.db.query(
      `INSERT INTO jobs (id, type, user_id, input, correlation_id, created_at)
       SELECT gen_random_uuid(), 'user-export', $1, '{}', 'x', now() - interval '1 minute'
       WHERE NOT EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'active'))`,
      [userId],
    );

  const notifications = async (): Promise<string[]> => {
    const { rows } = await system.db.query<{ id: string }>(
      'SELECT id FROM notifications WHERE user_id = $1 ORDER BY position',
      [userId],
    );
    return rows.map(({ id }) => id);
  };

  const open = async (lastEventId: string | undefined) =>
    EventSource.open(`${system.url}/v1/notifications/stream`, await system.token(), { lastEventId });

  it(`loses and repeats no event for a client that reconnects after each of ${KILLS} kills`, async () => {
    await startExport();
    const first = await until(async () => (await notifications())[0], 'the first');
    const over = new AbortController();
    const making = (async () => {
      for (; !over.signal.aborted; await pause(BETWEEN_JOBS_MS)) await startExport();
    })();
    const received = [first];
    const take = (source: EventSource) =>
      received.push(...source.of('notification').map(({ id }) => String(id)));
    let api = system.programs.at(-1)!;

    for (const _ of times(KILLS, String)) {
      const source = await open(received.at(-1));
      await source.untilReceived('notification');
      await api.end('SIGKILL');
      await until(() => source.isClosed, 'the connection to break');
      take(source);
      api = await system.startApi();
    }
    over.abort();
    await making;
    await until(async () => {
      const { rows } = await system.db.query(`SELECT FROM jobs WHERE status <> 'completed'`);
      return rows.length === 0;
    }, 'every export to end');
    const made = await notifications();
    const last = await open(received.at(-1));
    await until(() => received.length + last.of('notification').length >= made.length, 'the rest');
    take(last);
    last.close();

    expect(made.length).toBeGreaterThan(KILLS);
    expect(received).toEqual(made);
    recordOutcome({
      area: 'API',
      fault: `kill −9 of the API under an open stream, ${KILLS} times`,
      backend,
      promise: 'with Last-Event-ID each notification arrives once, in order',
      operations: `${made.length} notifications`,
      lost: made.filter((id) => !received.includes(id)).length,
      doubled: received.length - new Set(received).size,
      measured: 'resumed after each kill',
    });
  }, 120_000);
});
