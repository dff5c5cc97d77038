import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Program } from '../support/program.ts';
import { backends } from '../support/queue-data.ts';
import { SmtpServer } from '../support/smtp.ts';
import { type JobRow, System } from '../support/system.ts';
import { times, until } from '../support/until.ts';
import { recordOutcome, seconds } from './outcomes.ts';
import { countInQueue, pauseQueue } from './queue-control.ts';
import { AS_ASKED, RequestLog } from './request-log.ts';

const KILLS = 20;
const FINISHED_MS = 60_000;
/** The default settings. */
const PRODUCTION = { JOB_LEASE_SECONDS: '20', SWEEP_SECONDS: '10' };
const PASSWORD = 'forty wet umbrellas';
const NAMES = ['worker-a', 'worker-b'];

/** Two workers whose mails wait at the mail server, so that the test controls the moment of the kill. */
class Post {
  readonly requests = new RequestLog();
  private readonly workers = new Map<string, Program>();

  private constructor(
    readonly system: System,
    readonly smtp: SmtpServer,
  ) {}

  static async start(backend: string, settings: Record<string, string>): Promise<Post> {
    const smtp = await SmtpServer.start();
    const system = await System.start({ backend, settings });
    const post = new Post(system, smtp);
    await system.startApi();
    await Promise.all(NAMES.map((name) => post.startWorker(name)));
    return post;
  }

  async startWorker(name: string): Promise<void> {
    this.workers.set(name, await this.system.startWorker({ SMTP_URL: `${this.smtp.url}/?name=${name}` }));
  }

  /** Registers users whose mails wait at the mail server. Returns the worker that holds most of them. */
  async hold(count: number): Promise<{ keys: string[]; worker: string }> {
    this.smtp.behavior = 'hold';
    const keys = times(count, () => randomUUID());
    await Promise.all(keys.map((key) => this.register(key)));
    await until(() => this.smtp.held.length >= count, 'the mails to be held');
    const groups = Map.groupBy(this.smtp.held, ({ client }) => client);
    const [worker] = [...groups].toSorted((a, b) => b[1].length - a[1].length).map(([name]) => name);
    return { keys, worker: String(worker) };
  }

  async kill(name: string): Promise<void> {
    await this.workers.get(name)?.end('SIGKILL');
  }

  jobOf(key: string): Promise<JobRow> {
    return until(
      async () => {
        const { rows } = await this.system.db.query<JobRow>(
          `SELECT * FROM jobs WHERE correlation_id = $1 AND status IN ('completed', 'failed')`,
          [key],
        );
        return rows[0];
      },
      `the job of ${key} to end`,
      FINISHED_MS,
    );
  }

  /** The key of each mail that the mail server accepted. */
  get taken(): string[] {
    return this.smtp.messages.map((message) => message.headers.get('x-correlation-id') ?? '');
  }

  async stop(): Promise<void> {
    await this.system.stop();
    await this.smtp.down();
  }

  private async register(key: string): Promise<void> {
    const answer = await fetch(`${this.system.url}/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': key },
      body: JSON.stringify({ email: `${key}@example.com`, password: PASSWORD, displayName: 'Test' }),
    });
    this.requests.add({ requestId: key, key, status: answer.status });
  }
}

describe('a worker killed while it sends a mail', () => {
  let posts: Post[];

  beforeAll(async () => {
    posts = await Promise.all(backends.map((backend) => Post.start(backend, {})));
  }, 60_000);

  afterAll(() => Promise.all(posts.map((post) => post.stop())));

  /** Resolves to the time from the kill to the end of the job. */
  async function round(post: Post): Promise<number> {
    const { keys, worker } = await post.hold(1);
    post.smtp.behavior = 'accept';
    await post.kill(worker);
    const killedAt = Date.now();
    const [job] = await Promise.all([post.jobOf(String(keys[0])), post.startWorker(worker)]);
    expect(job).toMatchObject({ status: 'completed', attempts: 1, stalls: 1 });
    return new Date(job.finished_at).getTime() - killedAt;
  }

  it('is replaced within a minute, 20 out of 20 times, and each mail is sent once', async () => {
    const all = await Promise.all(
      posts.map(async (post) => {
        const took: number[] = [];
        for (let kill = 0; kill < KILLS; kill += 1) took.push(await round(post));
        return took;
      }),
    );

    for (const [n, post] of posts.entries()) {
      const took = all[n] ?? [];
      const difference = post.requests.compare(post.taken);
      expect(difference).toEqual(AS_ASKED);
      expect(Math.max(...took)).toBeLessThan(FINISHED_MS);
      recordOutcome({
        area: 'Workers',
        fault: `kill −9 of the worker in the middle of a mail, ${KILLS} times; another one runs`,
        backend: backends[n],
        promise: 'finished ≤ 60 s after the kill, effect once, no attempt used up',
        operations: `${KILLS} jobs`,
        ...difference,
        measured: `lease of 2 s: ${seconds(Math.min(...took))} to ${seconds(Math.max(...took))}`,
      });
    }
  }, 480_000);

  it('sends no second mail if it dies after the commit and before the queue is updated', async () => {
    for (const [n, post] of posts.entries()) {
      const before = post.taken.length;
      const { keys } = await post.hold(3);
      const resume = await pauseQueue(post.system);
      post.smtp.behavior = 'accept';
      post.smtp.release();
      await Promise.all(keys.map((key) => post.jobOf(key)));
      await Promise.all(NAMES.map((name) => post.kill(name)));
      await resume();
      await Promise.all(NAMES.map((name) => post.startWorker(name)));
      await until(
        () => countInQueue(post.system, 'mail-send').then((count) => count === 0),
        'the queue to have taken the jobs again',
      );

      const jobs = await Promise.all(keys.map((key) => post.jobOf(key)));
      const difference = post.requests.compare(post.taken);
      expect(jobs.map(({ attempts, stalls }) => [attempts, stalls])).toEqual(keys.map(() => [1, 0]));
      expect(difference).toEqual(AS_ASKED);
      expect(post.taken.length - before).toBe(keys.length);
      recordOutcome({
        area: 'Workers',
        fault: 'kill −9 of the workers after the effect was committed, before the queue had heard of it',
        backend: backends[n],
        promise: 'the next run changes nothing',
        operations: `${keys.length} jobs`,
        ...difference,
        measured: '1 attempt, 0 stalls each',
      });
    }
  }, 120_000);
});

describe('a killed worker with production settings', () => {
  let posts: Post[];

  beforeAll(async () => {
    posts = await Promise.all(backends.map((backend) => Post.start(backend, PRODUCTION)));
  }, 60_000);

  afterAll(() => Promise.all(posts.map((post) => post.stop())));

  it('is replaced within a minute, for all its jobs', async () => {
    await Promise.all(
      posts.map(async (post, n) => {
        const { keys, worker } = await post.hold(6);
        post.smtp.behavior = 'accept';
        const interrupted = post.smtp.held.filter(({ client }) => client === worker).length;
        await post.kill(worker);
        const killedAt = Date.now();
        post.smtp.release();
        const jobs = await Promise.all(keys.map((key) => post.jobOf(key)));
        const took = Math.max(...jobs.map((job) => new Date(job.finished_at).getTime())) - killedAt;

        const difference = post.requests.compare(post.taken);
        expect(difference).toEqual(AS_ASKED);
        expect(jobs.filter(({ stalls }) => stalls === 1)).toHaveLength(interrupted);
        expect(took).toBeLessThan(FINISHED_MS);
        recordOutcome({
          area: 'Workers',
          fault: 'kill −9 of a worker with the lease and the sweep of production',
          backend: backends[n],
          promise: 'finished ≤ 60 s after the kill, effect once',
          operations: `${keys.length} jobs, ${interrupted} of them interrupted`,
          ...difference,
          measured: `lease of 20 s: ${seconds(took)}`,
        });
      }),
    );
  }, 120_000);
});
