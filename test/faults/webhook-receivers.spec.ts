import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { isAuthentic, Receiver } from '../support/receiver.ts';
import { startSelfSigned } from '../support/self-signed.ts';
import { System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { flood, misbehave, startCanary } from './bad-receivers.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { AS_ASKED, RequestLog } from './request-log.ts';

const HEALTHY = times(5, (n) => `/healthy-${n}`);
const EVENTS = 60;
/** From the last event until all healthy receivers have every event, including the recovery from a killed worker. */
const ARRIVED_MS = 60_000;
/** A receiver may read a request shortly after its sender was killed. */
const SLACK_MS = 1_000;
const PRIVATE = 'The URL is not allowed: its host is in a private network.';

/**
 * Does not use NODE_ENV=production: it rejects WEBHOOK_ALLOW_PRIVATE, which local receivers need. The rules are
 * the same except for the hosts in that setting.
 */
describe('receivers of webhooks', () => {
  let system: System;
  let receiver: Receiver;
  let canary: Awaited<ReturnType<typeof startCanary>>;
  let untrusted: Awaited<ReturnType<typeof startSelfSigned>>;

  beforeAll(async () => {
    [receiver, canary, untrusted] = await Promise.all([Receiver.start(), startCanary(), startSelfSigned()]);
    const settings = {
      NODE_ENV: 'test',
      WEBHOOK_ALLOW_PRIVATE: `${receiver.host},${untrusted.host}`,
      // These settings must be ignored: a proxy, and one that disables certificate checks.
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: `http://${canary.host}`,
      HTTPS_PROXY: `http://${canary.host}`,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_OPTIONS: `--import ${import.meta.dirname}/private-names.js`,
    };
    system = await System.start({ backend: 'redis', settings });
    await system.startApi();
  }, 60_000);

  afterAll(async () => {
    await system.stop();
    await Promise.all([receiver.stop(), canary.stop(), untrusted.stop()]);
  });

  const createEndpoint = async (url: string): Promise<{ id: string; secret: string }> => {
    const body = JSON.stringify({ url, eventTypes: ['user.updated'] });
    const answer = await system.request('POST', '/v1/webhook-endpoints', body);
    if (answer.status !== 201) throw new Error(await answer.text());
    return ((await answer.json()) as { data: { id: string; secret: string } }).data;
  };

  /** Consecutive changes of a user. Each is an event for all receivers. */
  const happen = async (count: number, requests: RequestLog) => {
    for (const key of times(count, () => randomUUID())) {
      const body = JSON.stringify({ displayName: key });
      const { status, headers } = await system.request('PATCH', '/v1/users/me', body);
      requests.add({ requestId: String(headers.get('x-correlation-id')), key, status });
    }
  };

  const attemptsAt = async (endpointId: string) => {
    const { rows } = await system.db.query<{
      statusCode: number | null;
      error: string | null;
      pause: number;
    }>(
      `SELECT attempt.status_code AS "statusCode", attempt.error,
         extract(epoch FROM delivery.next_attempt_at - attempt.created_at)::float AS pause
       FROM webhook_attempts attempt JOIN webhook_deliveries delivery ON delivery.id = attempt.delivery_id
       WHERE delivery.endpoint_id = $1`,
      [endpointId],
    );
    return rows;
  };

  /** The requests at a path, by event id. */
  const arrivals = (path: string) => Map.groupBy(receiver.at(path), ({ headers }) => headers['webhook-id']);

  function expectDeliveredOnce(path: string, secret: string, requests: RequestLog, killedAt: number) {
    const byId = [...arrivals(path).values()];
    const comparison = requests.compare(byId.map(([event]) => JSON.parse(event!.body).data.displayName));
    expect(comparison).toEqual(AS_ASKED);
    const correlationIds = byId.map(([event]) => String(event!.headers['x-correlation-id']));
    expect(correlationIds.toSorted()).toEqual(requests.entries.map(({ requestId }) => requestId).toSorted());
    expect(receiver.at(path).filter((event) => !isAuthentic(event, secret))).toEqual([]);
    // Only deliveries that the killed worker had sent but not recorded may repeat.
    const again = byId.filter(({ length }) => length > 1);
    for (const [first, second, third] of again) {
      expect(first!.at).toBeLessThan(killedAt + SLACK_MS);
      expect(second!.at).toBeGreaterThan(killedAt);
      expect(third).toBeUndefined();
    }
    return { ...comparison, again: again.length };
  }

  /** The expected attempt result of each bad receiver, by URL. */
  const badReceivers = () => {
    const byPath = Object.entries(misbehave(receiver, canary.host));
    const certificate = 'The certificate was rejected (DEPTH_ZERO_SELF_SIGNED_CERT).';
    return {
      ...Object.fromEntries(byPath.map(([path, said]) => [receiver.url(path), said])),
      [`https://${untrusted.host}/`]: { statusCode: null, error: certificate },
      [`https://inward.example:${canary.port}/`]: { statusCode: null, error: PRIVATE },
      [`https://mixed.example:${canary.port}/`]: { statusCode: null, error: PRIVATE },
      [receiver.url('/flood')]: { statusCode: 200, error: null },
    };
  };

  it('can fail in every way: the others get every event, despite a kill and a FLUSHALL', async () => {
    const bad = badReceivers();
    const flooded = flood(receiver);
    // Wait for deliveries in flight before the kill.
    receiver.behave(HEALTHY[0]!, (_, response) => void setTimeout(() => response.writeHead(204).end(), 300));
    const healthy = new Map<string, string>();
    for (const path of HEALTHY) healthy.set(path, (await createEndpoint(receiver.url(path))).secret);
    const endpoints = new Map<string, string>();
    for (const url of Object.keys(bad)) endpoints.set(url, (await createEndpoint(url)).id);
    const requests = new RequestLog();

    const worker = await system.startWorker();
    await happen(EVENTS / 3, requests);
    await worker.end('SIGKILL');
    const killedAt = Date.now();
    await Promise.all([system.startWorker(), happen(EVENTS / 3, requests)]);
    const redis = new Redis(String(system.redis?.url));
    await redis.flushall();
    redis.disconnect();
    await happen(EVENTS / 3, requests);
    const lastAt = Date.now();

    const isThere = (path: string) => arrivals(path).size >= requests.accepted.length;
    await until(() => HEALTHY.every(isThere), 'all events at all healthy receivers', ARRIVED_MS);
    const arrivedMs = Date.now() - lastAt;
    await until(
      async () => {
        const counts = await Promise.all([...endpoints.values()].map(attemptsAt));
        return counts.every(({ length }) => length > 0);
      },
      'each bad receiver to be tried',
      30_000,
    );

    expect(requests.answers).toEqual({ '200': EVENTS });
    const told = [...healthy].map(([path, secret]) => expectDeliveredOnce(path, secret, requests, killedAt));
    for (const [url, said] of Object.entries(bad)) {
      const attempts = await attemptsAt(endpoints.get(url)!);
      const written = attempts.map(({ statusCode, error }) => ({ statusCode, error }));
      expect([url, ...written]).toEqual([url, ...written.map(() => said)]);
    }
    const pauses = (await attemptsAt(endpoints.get(receiver.url('/busy'))!)).map(({ pause }) => pause);
    expect(Math.min(...pauses)).toBeGreaterThan(118);
    const { rows } = await system.db.query(
      `SELECT id FROM webhook_endpoints WHERE NOT enabled AND disabled_reason = 'gone'`,
    );
    expect(rows).toEqual([{ id: endpoints.get(receiver.url('/gone')) }]);
    expect(flooded() / arrivals('/flood').size).toBeLessThan(16_000_000);
    expect([canary.connections(), untrusted.requests()]).toEqual([0, 0]);
    expect(system.running()).toEqual([true, false, true]);

    const repeated = sum(told.map(({ again }) => again));
    const latencies = HEALTHY.flatMap((path) => receiver.at(path))
      .map(({ at, body }) => at - Date.parse(JSON.parse(body).timestamp))
      .toSorted((a, b) => a - b);
    recordOutcome({
      area: 'Webhooks out',
      fault: `${endpoints.size} receivers that hang, drip, flood, reset, redirect, lie about their name or certificate, or answer 410, 429, 500; kill −9 of the worker and FLUSHALL in the middle`,
      promise: 'healthy receivers get every event, once by its id; nothing private is connected to',
      operations: `${EVENTS} events to ${HEALTHY.length} healthy receivers`,
      lost: sum(told.map(({ lost }) => lost)),
      doubled: sum(told.map(({ doubled }) => doubled)),
      measured: `half of them within ${seconds(latencies[latencies.length >> 1]!)}, the last ${seconds(arrivedMs)} after the last event; ${repeated} sent again under their id after the kill`,
    });
  }, 150_000);
});

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
