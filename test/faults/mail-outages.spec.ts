import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { backends } from '../support/queue-data.ts';
import { SmtpServer } from '../support/smtp.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { recordOutcome } from './outcomes.ts';
import { forgetQueue } from './queue-control.ts';
import { AS_ASKED, RequestLog } from './request-log.ts';

const PEOPLE = 20;
const OUTAGE_MS = 600_000;
/** Retry delays of a mail during ten minutes: 1, 2, 4, … 300 s. */
const ROUNDS_MAX = 15;

describe.each(backends)('the mail server, with the queue on %s,', (backend) => {
  let system: System;
  let smtp: SmtpServer;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    system = await System.start({ backend, settings: { SMTP_URL: smtp.url } });
    await system.startApi();
    await system.startWorker();
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await smtp.down();
  });

  async function register(count: number): Promise<RequestLog> {
    const requests = new RequestLog();
    await Promise.all(
      times(count, async () => {
        const key = randomUUID();
        const { status } = await fetch(`${system.url}/v1/auth/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-correlation-id': key },
          body: JSON.stringify({
            email: `${key}@example.com`,
            password: 'forty wet umbrellas',
            displayName: 'Test',
          }),
        });
        requests.add({ requestId: key, key, status });
      }),
    );
    return requests;
  }

  const mails = async (where: string): Promise<number> => {
    const { rows } = await system.db.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM jobs WHERE type = 'mail-send' AND ${where}`,
    );
    return rows[0]?.count ?? 0;
  };

  const taken = (requests: RequestLog): string[] =>
    smtp.messages
      .map((message) => message.headers.get('x-correlation-id') ?? '')
      .filter((key) => requests.entries.some((entry) => entry.key === key));

  /** Moves the clock of each waiting mail forward to its due time. Resolves to the largest shift. */
  async function skipPause(round: number): Promise<number> {
    await until(
      // The first retry comes after a second, when others may still wait for their first attempt.
      async () => (await mails(`status = 'queued' AND attempts >= ${round}`)) === PEOPLE,
      `attempt ${round} of each to fail`,
    );
    const { rows } = await system.db.query<{ ms: number }>(
      `SELECT max(extract(epoch FROM available_at - now()) * 1000)::int AS ms FROM jobs WHERE status = 'queued'`,
    );
    await system.db.query(
      `UPDATE jobs SET available_at = now(), dispatched_at = NULL WHERE status = 'queued'`,
    );
    await forgetQueue(system);
    return Math.max(0, rows[0]?.ms ?? 0);
  }

  it('can be down for ten minutes: registrations succeed, and each mail is sent once afterwards', async () => {
    await smtp.down();
    const requests = await register(PEOPLE);
    let walked = 0;
    let rounds = 0;
    while (walked < OUTAGE_MS && rounds < ROUNDS_MAX) walked += await skipPause(++rounds);
    await smtp.up();
    await until(async () => (await mails(`status = 'completed'`)) === PEOPLE, 'every mail to go out', 60_000);

    expect(requests.answers).toEqual({ '202': PEOPLE });
    expect(walked).toBeGreaterThanOrEqual(OUTAGE_MS);
    const difference = requests.compare(taken(requests));
    expect(difference).toEqual(AS_ASKED);
    recordOutcome({
      area: 'Mail',
      fault: 'mail server down for ten minutes, by a clock put forward',
      backend,
      promise: 'registrations get 202, every mail is sent once later',
      operations: `${PEOPLE} registrations`,
      ...difference,
      measured: `${rounds} attempts each over ${Math.round(walked / 60_000)} min`,
    });
  }, 120_000);

  it('can hang up after it received a mail: the retry is the same message', async () => {
    smtp.behavior = 'disconnect';
    const requests = await register(5);
    await until(() => new Set(taken(requests)).size === 5, 'every mail to have been there');
    smtp.behavior = 'accept';
    await until(async () => (await mails(`status <> 'completed'`)) === 0, 'every mail to go out', 30_000);

    const { lost } = requests.compare(taken(requests));
    const ids = smtp.messages
      .filter((message) =>
        requests.entries.some(({ key }) => message.headers.get('x-correlation-id') === key),
      )
      .map((message) => message.headers.get('message-id'));
    expect(lost).toBe(0);
    expect(new Set(ids).size).toBe(5);
    recordOutcome({
      area: 'Mail',
      fault: 'mail server hangs up after it took the mail, before it says so',
      backend,
      promise: 'nothing lost; a repeated mail has the same Message-ID',
      operations: '5 registrations',
      lost,
      doubled: new Set(ids).size - 5,
      measured: `${ids.length} transmissions of ${new Set(ids).size} messages`,
    });
  }, 60_000);

  it('can stop responding: the attempt times out, and the next one succeeds', async () => {
    smtp.behavior = 'hold';
    const requests = await register(2);
    await until(() => smtp.held.length === 2, 'the mails to hang');
    smtp.behavior = 'accept';
    await until(async () => (await mails(`status <> 'completed'`)) === 0, 'every mail to go out', 40_000);

    const difference = requests.compare(taken(requests));
    expect(difference).toEqual(AS_ASKED);
    recordOutcome({
      area: 'Mail',
      fault: 'mail server hangs in the middle of the dialogue',
      backend,
      promise: 'times out after 10 s; the next attempt sends it once',
      operations: '2 registrations',
      ...difference,
      measured: '2 attempts each',
    });
  }, 60_000);
});
