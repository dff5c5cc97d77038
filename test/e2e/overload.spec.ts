import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Metrics } from '../../src/platform/metrics/metrics.service.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { Public } from '../../src/platform/security/access.decorators.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { door } from '../support/scripted-jobs.ts';
import { times, until } from '../support/until.ts';

const ORIGIN = 'https://app.example.com';
const SHED = {
  status: 503,
  type: 'application/problem+json',
  body: { code: 'UNAVAILABLE', status: 503 },
  headers: {
    'retry-after': expect.stringMatching(/^[1-5]$/),
    'x-correlation-id': expect.any(String),
    'access-control-allow-origin': ORIGIN,
  },
};

let held = door();

@Tag('Test')
@Controller('held')
class HeldController {
  @Get()
  @Public()
  @Endpoint({ summary: 'Wait', returns: z.object({}) })
  async wait() {
    await held.opened;
    return { data: {} };
  }
}

let app: TestApp;

afterEach(() => app.stop());

const start = async (settings: Record<string, string>) => {
  app = await TestApp.start({
    controllers: [HeldController],
    settings: { CORS_ORIGINS: ORIGIN, ...settings },
  });
  await app.listen();
};

const ask = (path: string) => app.http().get(path).set('origin', ORIGIN);

async function shedCounts(): Promise<Record<string, number>> {
  const metric = app.api.get(Metrics).registry.getSingleMetric('http_requests_shed_total');
  const { values } = await metric!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.reason), value]));
}

const pending = async () =>
  (await app.api.get(Metrics).registry.getSingleMetric('http_requests_pending')!.get()).values[0]?.value;

describe('too many requests without a response', () => {
  it('reject further ones at once, but not health checks, until one has its response', async () => {
    held = door();
    await start({ PENDING_REQUESTS_MAX: '3' });
    const waiting = Promise.all(times(3, () => ask('/held')));
    await until(async () => (await pending()) === 3, 'three requests to wait');

    const rejected = await ask('/v1/users/me');
    const health = await Promise.all(['/health/live', '/health/ready'].map((path) => ask(path)));

    expect(rejected).toMatchObject(SHED);
    expect(health.map(({ status }) => status)).toEqual([200, 200]);
    expect(await shedCounts()).toEqual({ pending_requests: 1 });
    held.open();
    expect((await waiting).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await ask('/v1/users/me')).status).toBe(401);
    expect(await pending()).toBe(0);
  });

  it('do not count open streams, nor clients that have disconnected', async () => {
    held = door();
    await start({ PENDING_REQUESTS_MAX: '1' });
    const user = await signedIn(app);
    const url = await app.listen();
    const leaving = new AbortController();
    const job = await user.post('/v1/jobs').send({ type: 'user-export' });
    const stream = await fetch(`${url}/v1/jobs/${job.body.data.id}/events`, {
      headers: { authorization: `Bearer ${user.accessToken}` },
      signal: leaving.signal,
    });

    const left = fetch(`${url}/held`, { signal: AbortSignal.timeout(1_000) }).catch(() => 'disconnected');
    await until(async () => (await pending()) === 1, 'the request to wait');
    expect(await left).toBe('disconnected');

    await until(async () => (await pending()) === 0, 'the disconnected request to be forgotten');
    expect(stream.status).toBe(200);
    expect((await ask('/v1/users/me')).status).toBe(401);
    leaving.abort();
    held.open();
  });
});

describe('an event loop that is late', () => {
  it('rejects requests until it is in time again, but not health checks', async () => {
    await start({ EVENT_LOOP_DELAY_MAX_MS: '200' });
    let isBusy = true;
    const blockOften = () => {
      const end = Date.now() + 600;
      while (Date.now() < end);
      if (isBusy) setImmediate(blockOften);
    };
    setImmediate(blockOften);

    const rejected = await until(
      async () => {
        const response = await ask('/v1/users/me');
        return response.status === 503 && response;
      },
      'a request to be rejected',
      30_000,
    );
    const { status } = await ask('/health/live');
    isBusy = false;

    expect(rejected).toMatchObject(SHED);
    expect(status).toBe(200);
    expect(await shedCounts()).toEqual({ event_loop_delay: expect.any(Number) });
    await until(async () => (await ask('/v1/users/me')).status === 401, 'requests to be accepted', 30_000);
  }, 90_000);
});
