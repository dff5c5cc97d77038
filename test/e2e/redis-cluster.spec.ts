import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { MessageBus } from '../../src/platform/bus/message-bus.ts';
import { type Config, StartupError } from '../../src/platform/config/config.ts';
import { ClusterConnector } from '../../src/platform/redis/redis-cluster.ts';
import { RedisConnections } from '../../src/platform/redis/redis-connections.ts';
import { jobRow, untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { Dashboard } from '../support/dashboard.ts';
import { RedisCluster, startTlsCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import {
  completeWithMark,
  createMarks,
  door,
  marksOf,
  scripted,
  scriptedHandlers,
  scriptedPatient,
  scriptedSingle,
  startScripted,
} from '../support/scripted-jobs.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { times, until } from '../support/until.ts';

/** Far less than the time that ioredis looks for another node. */
const SAME_TIME_MS = 500;
const OUTAGE_MS = 60_000;

let cluster: RedisCluster;
let app: TestApp;

beforeAll(async () => {
  cluster = await RedisCluster.start();
  app = await TestApp.start({
    worker: true,
    handlers: scriptedHandlers,
    settings: { REDIS_URL: cluster.url, REDIS_CLUSTER: 'true' },
  });
  await createMarks(app);
}, OUTAGE_MS);

afterAll(async () => {
  await app.stop();
  await cluster.end();
});

const redisCheck = async () => (await app.http().get('/health/ready')).body.checks.redis as string;

describe('on a Redis Cluster', () => {
  it('runs jobs, with the queues on several nodes', async () => {
    const types = [scripted, scriptedPatient, scriptedSingle];
    const jobs = await Promise.all(
      types.map((definition) => startScripted(app, completeWithMark, { definition })),
    );

    for (const { id } of jobs) await untilJob(app, id, 'completed');

    expect(await marksOf(app, jobs)).toEqual([1, 1, 1]);
    expect(await redisCheck()).toBe('up');
    expect((await cluster.portsWithKeys('{bull:*')).length).toBeGreaterThan(1);
    expect(await cluster.portsWithKeys('bull:*')).toEqual([]);
  });

  it('counts rate limits', async () => {
    const answers = await Promise.all(
      times(3, () => app.http().post('/v1/auth/forgot-password').send({ email: 'unknown@example.com' })),
    );

    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await cluster.client.get('mail:ip:127.0.0.1')).toBe('3');
  });

  it('carries messages to other instances', async () => {
    const user = await signedIn(app);
    const other = await app.startAnother();
    const before = await user.get('/v1/users/me', other);

    await user.post('/v1/auth/logout', { refreshToken: user.refreshToken });
    await until(async () => (await user.get('/v1/users/me', other)).status === 401, 'the revoked session');

    expect(before.status).toBe(200);
    expect(await other.end()).toEqual({ code: 0, signal: null });
  });

  it('shows and pauses the queues in the dashboard', async () => {
    const dashboard = await Dashboard.open(app);
    await dashboard.put(`/api/queues/${scripted.type}/pause`);
    const job = await startScripted(app, completeWithMark);

    await until(async () => (await dashboard.counts(scripted.type))['waiting'] === 1, 'the job to wait');
    const whilePaused = await jobRow(app, job.id);
    await dashboard.put(`/api/queues/${scripted.type}/resume`);

    expect(whilePaused.status).toBe('queued');
    expect(await untilJob(app, job.id, 'completed')).toMatchObject({ attempts: 1 });
  });
});

describe('when nodes fail', () => {
  it('rejects each command after the same time, although it has no connection to some nodes', async () => {
    const redis = new RedisConnections(app.config);
    await until(() => redis.counters?.status === 'ready', 'the connection');

    const durations = await cluster.whilePaused(async () => {
      const startedAt = performance.now();
      const commands = times(20, async (index) => {
        await expect(redis.counters!.get(`key ${index}`)).rejects.toThrow('Command timed out');
        return performance.now() - startedAt;
      });
      return Promise.all(commands);
    });

    redis.onApplicationShutdown();
    expect(Math.max(...durations) - Math.min(...durations)).toBeLessThan(SAME_TIME_MS);
  });

  it(
    'loses no job and runs none twice while a replica takes over from a killed master',
    async () => {
      const key = `{bull:${scripted.type}}`;
      const { opened, open } = door();
      const running = await startScripted(app, async (ctx) => {
        await opened;
        return completeWithMark(ctx);
      });
      await untilJob(app, running.id, 'active');
      const before = await Promise.all(times(20, () => startScripted(app, completeWithMark)));

      const killed = await cluster.killMasterOf(key);
      const during = await Promise.all(times(20, () => startScripted(app, completeWithMark)));
      open();
      await until(async () => (await cluster.masterOf(key)) !== killed, 'the replica to take over');
      const after = await Promise.all(times(20, () => startScripted(app, completeWithMark)));

      const jobs = [running, ...before, ...during, ...after];
      for (const { id } of jobs) await untilJob(app, id, 'completed');
      expect(await marksOf(app, jobs)).toEqual(jobs.map(() => 1));
      expect(await until(async () => (await redisCheck()) === 'up', 'readiness')).toBe(true);
    },
    OUTAGE_MS,
  );

  it(
    'serves requests while all nodes are down, and runs jobs after all but the node of REDIS_URL are back',
    async () => {
      const messages: unknown[] = [];
      app.api.get(MessageBus).subscribe('test', (payload) => messages.push(payload ?? 'reconnected'));
      await cluster.killAll();
      const statuses: number[] = [];
      const request = async () => {
        const response = await app
          .http()
          .post('/v1/auth/forgot-password')
          .send({ email: 'unknown@example.com' });
        statuses.push(response.status);
        return (await redisCheck()) === 'down';
      };
      await until(request, 'readiness to report the outage');
      await request();
      const jobs = await Promise.all(times(3, () => startScripted(app, completeWithMark)));

      await cluster.restartOthers();
      for (const { id } of jobs) await untilJob(app, id, 'completed');
      await until(() => messages.includes('reconnected'), 'the message bus');
      // Repeated, because the connection may change once more while the nodes return.
      await until(() => {
        app.api.get(MessageBus).publish('test', { id: '1' });
        return messages.at(-1) !== 'reconnected';
      }, 'a message');

      expect(messages).toContainEqual({ id: '1' });
      expect(statuses).toEqual(statuses.map(() => 202));
      expect(await marksOf(app, jobs)).toEqual([1, 1, 1]);
      expect(await until(async () => (await redisCheck()) === 'up', 'readiness')).toBe(true);
    },
    OUTAGE_MS,
  );
});

describe('a start', () => {
  let single: RedisServer;

  beforeAll(async () => {
    single = await startRedis();
  });

  afterAll(() => single.kill());

  /** Connects to Redis as the API and the worker do at startup. */
  async function startOn(settings: Partial<Config>): Promise<void> {
    const redis = new RedisConnections({ ...app.config, ...settings });
    await redis.onModuleInit().finally(() => redis.onApplicationShutdown());
  }

  it.each([
    [
      'a cluster without REDIS_CLUSTER',
      () => ({ REDIS_URL: cluster.url, REDIS_CLUSTER: false }),
      'Redis runs in cluster mode: set REDIS_CLUSTER=true',
    ],
    [
      'a single Redis with REDIS_CLUSTER',
      () => ({ REDIS_URL: single.url, REDIS_CLUSTER: true }),
      'Redis does not run in cluster mode: set REDIS_CLUSTER=false',
    ],
  ])('fails on %s', async (_name, settings, message) => {
    await expect(startOn(settings())).rejects.toThrow(new StartupError(message));
  });

  it('fails if the user may not run EVAL on one master, because each node has its own users', async () => {
    const port = await cluster.masterOf('any key');
    await cluster.createUser('limited', (node) => (node === port ? ['+@all', '-eval'] : ['+@all']));
    const REDIS_URL = cluster.url.replace('redis://', 'redis://limited:secret@');

    await expect(startOn({ REDIS_URL })).rejects.toThrow('The Redis user may not run EVAL');
  });

  it('connects although this takes longer than the limit of a command', async () => {
    const proxy = await TcpProxy.start();
    const connector = new ClusterConnector(proxy.to(cluster.url));
    proxy.delayMs = 300;

    const counters = connector.connect({ commandTimeout: 500 }).on('error', () => undefined);
    const isReady = await until(() => counters.status === 'ready', 'the connection');

    counters.disconnect();
    await proxy.stop();
    expect(isReady).toBe(true);
  });

  it('connects a duplicate for a worker to other nodes when the one of REDIS_URL is gone', async () => {
    const proxy = await TcpProxy.start();
    const client = new ClusterConnector(proxy.to(cluster.url)).connect({});
    const duplicate = client.duplicate();
    await Promise.all([once(client, 'ready'), once(duplicate, 'ready')]);
    await proxy.stop();

    duplicate.disconnect();
    await once(duplicate, 'end');
    await duplicate.connect();

    expect(await duplicate.get('any key')).toBeNull();
    duplicate.disconnect();
    client.disconnect();
  });

  it('is not affected by a single Redis at the former address of a node', async () => {
    const redis = new RedisConnections({ ...app.config, REDIS_URL: cluster.url });
    await redis.onModuleInit();

    redis.counters!.emit('node error', new Error('ERR This instance has cluster support disabled'));

    expect(await redis.state()).toBe('up');
    redis.onApplicationShutdown();
  });

  it('connects through TLS to the names of the nodes, as a user without dangerous commands', async () => {
    const tlsCluster = await startTlsCluster();
    const redis = new RedisConnections({ ...app.config, REDIS_URL: tlsCluster.url });

    const isUp = await until(async () => (await redis.state()) === 'up', 'the connection');

    redis.onApplicationShutdown();
    await tlsCluster.end();
    expect(isUp).toBe(true);
  });
});
