import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { type ApiClient, expectEqual, expectText } from './client.ts';
import { Failure, type Progress } from './terminal.ts';
import type { Receiver } from './webhook-inbox.ts';

/** The webhook endpoint of the demo, and its receiver. */
export interface Subscription {
  path: string;
  secret: string;
  receiver: Receiver;
  receiverPath: string;
}

interface Delivery {
  eventId: string;
  eventType: string;
  status: string;
  attempts: number;
  lastStatusCode: number | null;
  lastDurationMs: number | null;
}

interface Payload {
  type: string;
  data: { id?: string };
}

const DELIVERY_LIMIT_MS = 10_000;
const POLL_MS = 50;

/** Undefined if the server can't send to this machine. */
export async function subscribe(
  api: ApiClient,
  receiver: Receiver,
  runId: string,
  on: Progress,
): Promise<Subscription | undefined> {
  const receiverPath = `/${runId}`;
  const url = `${receiver.url}${receiverPath}`;
  const response = await api.call<{ id: string; secret: string }>('POST /v1/webhook-endpoints', [201, 422], {
    json: { url, eventTypes: ['job.completed'] },
  });
  if (response.status === 422) {
    on.note(`skipped: the server may not send to ${new URL(url).host} (WEBHOOK_ALLOW_PRIVATE)`);
    return undefined;
  }
  const { id, secret } = response.data;
  on.note(url);
  return {
    path: `/v1/webhook-endpoints/${id}`,
    secret: expectText('a secret', secret),
    receiver,
    receiverPath,
  };
}

export async function ping(api: ApiClient, subscription: Subscription, on: Progress): Promise<void> {
  const startedAt = performance.now();
  await api.call(`POST ${subscription.path}/ping`, 202);
  await receive(subscription, 'ping');
  on.note(`signature verified, ${Math.round(performance.now() - startedAt)} ms after the request`);
}

export async function receiveJob(subscription: Subscription, jobId: string, on: Progress): Promise<void> {
  const { data } = await receive(subscription, 'job.completed');
  expectEqual('the job', data.id, jobId);
  on.note('job.completed; a modified body is rejected');
}

/** Waits for the event and verifies it with the reference library of Standard Webhooks. */
async function receive(
  { secret, receiver, receiverPath }: Subscription,
  eventType: string,
): Promise<Payload> {
  const { headers, body } = await receiver.next(receiverPath, eventType);
  const verifier = new Webhook(secret);
  const payload = verifier.verify(body, headers) as Payload;
  if (accepts(() => verifier.verify(body.replace(eventType, 'forged'), headers))) {
    throw new Failure('a modified body to be rejected', 'it was accepted');
  }
  return payload;
}

function accepts(verify: () => unknown): boolean {
  try {
    verify();
    return true;
  } catch {
    return false;
  }
}

export async function checkDeliveries(api: ApiClient, { path }: Subscription, on: Progress): Promise<void> {
  const { data } = await untilDelivered(api, path);
  expectEqual(
    'the log',
    data.map(({ eventType, status, lastStatusCode }) => [eventType, status, lastStatusCode]),
    [
      ['job.completed', 'delivered', 204],
      ['ping', 'delivered', 204],
    ],
  );
  on.note(data.map(({ eventType, lastDurationMs }) => `${eventType} in ${lastDurationMs} ms`).join(', '));
}

/** The delivery is updated shortly after the response of the receiver. */
async function untilDelivered(api: ApiClient, path: string) {
  const startedAt = performance.now();
  for (;;) {
    const response = await api.call<Delivery[]>(`GET ${path}/deliveries`, 200);
    const isPending = response.data.some(({ status }) => status === 'pending');
    if (!isPending || performance.now() - startedAt > DELIVERY_LIMIT_MS) return response;
    await sleep(POLL_MS);
  }
}

export async function unsubscribe(api: ApiClient, { path }: Subscription, on: Progress): Promise<void> {
  await api.call(`DELETE ${path}`, 204);
  await api.call(`GET ${path}`, 404);
  on.note('GET returns 404');
}
