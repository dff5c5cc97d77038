import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { settingsSchema } from '../../src/platform/config/settings.ts';
import { readGuide } from '../support/guide.ts';

const duration = z.string().regex(/^\d+[sm]$/);
const groups = z.array(z.enum(['api', 'worker'])).min(1);
const check = {
  method: z.literal('GET'),
  path: z.literal('/health/ready'),
  grace_period: duration,
  interval: duration,
  timeout: duration,
};

/**
 * The keys of Fly's configuration reference that we use. Strict, because `fly config validate` without `--strict` ignores
 * a misspelled key, and Fly then uses its default.
 */
const flySchema = z.strictObject({
  app: z.string(),
  primary_region: z.string().length(3),
  kill_signal: z.enum(['SIGTERM', 'SIGINT']),
  kill_timeout: z.int().max(300),
  build: z.strictObject({ dockerfile: z.string() }),
  env: z.record(z.string(), z.string()),
  processes: z.strictObject({ api: z.string(), worker: z.string() }),
  deploy: z.strictObject({
    release_command: z.string(),
    release_command_timeout: duration,
    strategy: z.enum(['rolling', 'bluegreen']),
    max_unavailable: z.number(),
  }),
  http_service: z.strictObject({
    processes: groups,
    internal_port: z.int(),
    force_https: z.boolean(),
    min_machines_running: z.int(),
    auto_stop_machines: z.enum(['off', 'stop', 'suspend']),
    auto_start_machines: z.boolean(),
    concurrency: z.strictObject({ type: z.enum(['requests', 'connections']), soft_limit: z.int() }),
    checks: z.array(z.strictObject({ ...check, headers: z.record(z.string(), z.string()) })).min(1),
  }),
  checks: z.record(
    z.string(),
    z.strictObject({ ...check, type: z.literal('http'), port: z.int(), processes: groups }),
  ),
  restart: z.array(
    z.strictObject({
      policy: z.enum(['always', 'on-failure', 'never']),
      retries: z.int().optional(),
      processes: groups,
    }),
  ),
  metrics: z.array(z.strictObject({ port: z.int(), path: z.literal('/metrics'), processes: groups })),
  vm: z.array(
    z.strictObject({
      size: z.string().regex(/^(shared-cpu|performance)-\d+x$/),
      memory: z.string().regex(/^\d+[gm]b$/),
      processes: groups,
    }),
  ),
});

const text = readFileSync(new URL('../../fly.toml', import.meta.url), 'utf8');
const fly = flySchema.parse(parse(text));

const seconds = (value: string): number => parseInt(value, 10) * (value.endsWith('m') ? 60 : 1);
const processes = Object.keys(fly.processes);

describe('fly.toml', () => {
  it('has only settings of this application, and no secrets', () => {
    const names = Object.keys(settingsSchema.shape);

    expect(Object.keys(fly.env).filter((name) => !names.includes(name))).toEqual([]);
    expect(Object.keys(fly.env).filter((name) => /SECRET|PASSWORD|_KEYS|_URL$/.test(name))).toEqual([
      'PUBLIC_URL',
      'FRONTEND_URL',
    ]);
  });

  it('restarts a worker always, because nothing else starts it', () => {
    const policies = fly.restart.flatMap(({ policy, processes: names }) =>
      names.map((name) => [name, policy]),
    );

    expect(Object.fromEntries(policies)).toEqual({ api: 'on-failure', worker: 'always' });
  });

  it('chooses the size and collects the metrics of each process group', () => {
    const port = Number(fly.env['METRICS_PORT']);

    expect(fly.vm.flatMap((vm) => vm.processes).toSorted()).toEqual(processes);
    expect(fly.metrics.flatMap((metrics) => metrics.processes).toSorted()).toEqual(processes);
    expect([...fly.metrics, fly.checks['worker']!].map((found) => found.port)).toEqual([port, port, port]);
  });

  it('sends no requests to a machine that drains, and ends no program before its deadline', () => {
    const { SHUTDOWN_DEADLINE_SECONDS: deadline } = settingsSchema.parse({
      DATABASE_URL: 'postgres://localhost/app',
    });
    const drain = Number(fly.env['SHUTDOWN_DRAIN_SECONDS']);

    expect(fly.http_service.processes).toEqual(['api']);
    expect(fly.http_service.internal_port).toBe(Number(fly.env['PORT']));
    for (const { interval, headers } of fly.http_service.checks) {
      expect(seconds(interval)).toBeLessThan(drain);
      expect(headers).toEqual({ 'X-Forwarded-Proto': 'https' });
    }
    expect(drain).toBeLessThan(deadline);
    expect(deadline).toBeLessThan(fly.kill_timeout);
  });

  it('gives migrations more time than the five minutes of Fly', () => {
    expect(seconds(fly.deploy.release_command_timeout)).toBeGreaterThan(300);
  });
});

describe('the guide', () => {
  const guide = readGuide('deploy-fly.md');

  it('validates fly.toml strictly', () => {
    expect(guide).toContain('fly config validate --strict');
  });

  it('lists the size of each process group', () => {
    for (const { size } of fly.vm) expect(guide).toContain(`\`${size}\``);
  });
});
