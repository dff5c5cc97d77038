import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/processes.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { selfSigned } from '../support/self-signed.ts';
import { newDataDir } from '../support/test-run.ts';
import { until } from '../support/until.ts';

const DATABASE = 3;

let redis: RedisServer;
let admin: Redis;
let app: TestApp;
let settings: Record<string, string>;
let certificate: string;

beforeAll(async () => {
  const dir = newDataDir();
  const { key, cert } = selfSigned();
  certificate = join(dir, 'redis.crt');
  writeFileSync(certificate, cert);
  writeFileSync(join(dir, 'redis.key'), key);
  const port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-cert-file', certificate, '--tls-auth-clients', 'no'];
  redis = await startRedis({ dir, args: [...tls, '--tls-key-file', join(dir, 'redis.key')] });
  admin = new Redis(redis.url);
  const rights = ['allkeys', 'allchannels', '+@all', '-@dangerous', '+info'];
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...rights);
  app = await TestApp.start({ settings: { REDIS_URL: `${redis.url}/${DATABASE}` } });
  settings = { REDIS_URL: `rediss://app:secret@localhost:${port}/${DATABASE}` };
});

afterAll(async () => {
  await app.stop();
  admin.disconnect();
  await redis.kill();
});

it('runs jobs through TLS, as a user without dangerous commands, in a database with a number', async () => {
  const trusting = { ...settings, NODE_EXTRA_CA_CERTS: certificate };
  const [api] = await Promise.all([app.startAnother(trusting), app.startAnotherWorker(trusting)]);
  const user = await signedIn(app);

  const { body } = await user.post('/v1/jobs', { type: 'user-export', input: {} }, api).expect(202);
  const job = await until(async () => {
    const answer = await user.get(`/v1/jobs/${body.data.id}`, api);
    return answer.body.data.status === 'completed' && answer.body.data;
  }, 'the job');

  const ready = await app.http(api).get('/health/ready');
  const connections = String(await admin.call('CLIENT', 'LIST')).split('\n');
  expect(job.attempts).toBe(1);
  expect(ready.body.checks).toMatchObject({ redis: 'up' });
  expect(
    connections.filter((line) => line.includes('user=app') && line.includes(`db=${DATABASE}`)),
  ).not.toEqual([]);
}, 60_000);

it('is not used if no CA that the process knows has signed its certificate', async () => {
  const api = await app.startAnother(settings);

  const warning = await until(
    () => api.lines().find(({ msg }) => msg === 'Redis connection failed'),
    'a warning',
  );
  const ready = await app.http(api).get('/health/ready');

  expect(warning).toMatchObject({ err: { message: expect.stringMatching(/self.signed certificate/) } });
  expect(ready.body).toMatchObject({ status: 'degraded', checks: { redis: 'down' } });
}, 60_000);
