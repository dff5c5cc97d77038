import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { backends } from '../support/queue-data.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { AS_ASKED, RequestLog } from './request-log.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const AT_ONCE = 50;
const EVENTS_BEFORE = 100;
const SENDERS = 20;
const RETRY_MS = 500;
/** Time limit to process all accepted events. */
const PROCESSED_MS = 45_000;

describe.each(backends)('webhooks that are sent to us, with the queue on %s,', (backend) => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ backend, settings: { STANDARD_WEBHOOK_SECRET: SECRET } });
    await system.startApi();
    await system.startWorker();
  }, 60_000);

  afterAll(() => system.stop());

  /** One attempt; undefined if there was no response. */
  async function send(id: string, requests: RequestLog): Promise<Response | undefined> {
    const body = JSON.stringify({ type: 'ping', timestamp: new Date().toISOString(), data: {} });
    const at = new Date();
    const requestId = randomUUID();
    const answer = await fetch(`${system.url}/v1/webhooks/standard`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-correlation-id': requestId,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(SECRET).sign(id, at, body),
      },
      body,
    }).catch(() => undefined);
    requests.add({ requestId, key: id, status: answer?.status });
    return answer;
  }

  /** Repeats until the event is accepted, as senders do. Returns the responses that asked for a retry. */
  async function sendUntilTaken(id: string, requests: RequestLog): Promise<Response[]> {
    const rejections: Response[] = [];
    for (;;) {
      const answer = await send(id, requests);
      if (answer?.status === 202) return rejections;
      if (answer) rejections.push(answer);
      await pause(RETRY_MS);
    }
  }

  /** One entry for each time that an event was processed. */
  async function effects(): Promise<string[]> {
    const { rows } = await system.db.query<{ eventId: string }>(
      `SELECT webhook.event_id AS "eventId" FROM jobs JOIN inbound_webhooks webhook ON webhook.id = (input ->> 'webhookId')::uuid
       WHERE type = 'webhook-receive' AND status = 'completed' AND outcome = 'handled'`,
    );
    return rows.map(({ eventId }) => eventId);
  }

  async function untilProcessed(ids: string[]): Promise<string[]> {
    const found = await until(
      async () => {
        const done = await effects().catch((): string[] => []);
        return ids.every((id) => done.includes(id)) && done;
      },
      'all that was taken to be processed',
      PROCESSED_MS,
    );
    return found.filter((id) => ids.includes(id));
  }

  it('are processed once, although fifty arrive in parallel and the API is killed', async () => {
    const requests = new RequestLog();
    const id = randomUUID();
    const [api] = system.programs;

    const senders = times(AT_ONCE, () => sendUntilTaken(id, requests));
    await until(() => requests.entries.length > 0, 'the first answer');
    await api!.end('SIGKILL');
    await system.startApi();
    await Promise.all(senders);
    const found = await untilProcessed([id]);

    expect(requests.accepted).toHaveLength(AT_ONCE);
    const comparison = requests.compare(found);
    expect(comparison).toEqual(AS_ASKED);
    const { none = 0 } = requests.answers;
    recordOutcome({
      area: 'Webhooks in',
      fault: 'the same event 50 times at once, the API killed among them',
      backend,
      promise: '202 to all 50, processed once',
      operations: `1 event, sent ${requests.entries.length} times`,
      lost: comparison.lost,
      doubled: comparison.doubled,
      measured: `${none} without an answer, and sent again`,
    });
  }, 60_000);

  it('are rejected while Postgres is down, and processed once after a retry', async () => {
    const requests = new RequestLog();
    const ids: string[] = [];
    const over = new AbortController();
    const work = async () => {
      const rejections: Response[] = [];
      while (!over.signal.aborted) {
        const id = randomUUID();
        ids.push(id);
        rejections.push(...(await sendUntilTaken(id, requests)));
      }
      return rejections;
    };

    const senders = times(SENDERS, work);
    await until(() => requests.accepted.length > EVENTS_BEFORE, 'events to be taken');
    const stoppedAt = Date.now();
    await system.postgres.kill();
    await until(() => (requests.answers['503'] ?? 0) >= SENDERS, 'senders to be rejected');
    await system.restartPostgres();
    const backAt = Date.now();
    over.abort();
    const rejections = (await Promise.all(senders)).flat();
    const takenMs = Date.now() - backAt;
    const found = await untilProcessed(ids);

    expect(Object.keys(requests.answers).toSorted()).toEqual(['202', '503']);
    expect(rejections.filter(({ headers }) => !headers.get('retry-after'))).toEqual([]);
    expect(requests.accepted).toHaveLength(ids.length);
    const comparison = requests.compare(found);
    expect(comparison).toEqual(AS_ASKED);
    recordOutcome({
      area: 'Webhooks in',
      fault: 'Postgres killed and started again while events come in',
      backend,
      promise: '202 and processed once, or 503 with Retry-After',
      operations: `${ids.length} events, sent ${requests.entries.length} times`,
      lost: comparison.lost,
      doubled: comparison.doubled,
      measured: `${requests.answers['503']} rejections in ${seconds(backAt - stoppedAt)}; all taken ${seconds(takenMs)} after Postgres was back`,
    });
  }, 90_000);
});
