import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Config } from '../config/config.ts';
import type { QueueBackend } from '../queue/queue-backend.ts';
import type { HealthService } from './health.service.ts';
import { StalledWorker } from './stalled-worker.ts';

const CHECK_MS = 5_000;

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

it('checks again after a failed check', async () => {
  const config = { NODE_ENV: 'production', WORKER_STALL_EXIT_SECONDS: 3_600 } as Config;
  const queues = { stalledWorkers: () => ['mail-send'] } as unknown as QueueBackend;
  const readiness = jest.fn<() => Promise<object>>(async () => ({ checks: { database: 'up', redis: 'up' } }));
  readiness.mockRejectedValueOnce(new Error('readiness failed'));
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  const stalled = new StalledWorker(config, { readiness } as unknown as HealthService, queues);

  stalled.onApplicationBootstrap();
  await jest.advanceTimersByTimeAsync(2 * CHECK_MS);
  stalled.onApplicationShutdown();

  expect(warn.mock.calls).toEqual([[expect.objectContaining({ err: new Error('readiness failed') })]]);
  expect(error.mock.calls).toEqual([[expect.objectContaining({ queues: ['mail-send'] })]]);
});
