import { hash } from '@node-rs/argon2';
import { generateKeyPairSync, randomBytes, randomUUID, randomUUIDv7 } from 'node:crypto';
import pg from 'pg';
import type { EmbeddedPostgres } from '../../scripts/embedded-postgres.ts';
import { freePort } from '../../scripts/processes.ts';
import { startTestPostgres } from './database.ts';
import { Program } from './program.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { until } from './until.ts';

export interface JobRow {
  id: string;
  status: string;
  attempts: number;
  stalls: number;
  result: unknown;
  error_code: string | null;
  checkpoint: { line: number } | null;
  finished_at: Date;
}

const PASSWORD = 'correct horse battery';

/** Generated once: every program of a run signs and verifies with it. */
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** API and workers as in production, with a Postgres and a Redis that the test may break. */
export class System {
  readonly programs: Program[] = [];
  private accessToken = '';

  private constructor(
    public postgres: EmbeddedPostgres,
    public redis: RedisServer | undefined,
    readonly settings: Record<string, string>,
    readonly db: pg.Pool,
  ) {
    // Ignore errors: connections break when the server stops.
    db.on('error', () => undefined);
  }

  /** Starts Postgres, optionally Redis, and applies the migrations. Starts no program yet. */
  static async start({
    backend,
    settings = {},
    prepare,
    folder,
  }: {
    backend: string;
    settings?: Record<string, string>;
    /** Runs on the empty database. Resolves to more settings. */
    prepare?: (db: pg.Pool, url: string) => Promise<Record<string, string>>;
    /** The folder of the compiled project that applies its migrations. Default: this project. */
    folder?: string;
  }) {
    const postgres = await startTestPostgres();
    const redis = backend === 'redis' ? await startRedis({ args: ['--appendonly', 'yes'] }) : undefined;
    const port = String(await freePort());
    const db = new pg.Pool({ connectionString: postgres.url });
    const prepared = await prepare?.(db, postgres.url);
    const system = new System(
      postgres,
      redis,
      {
        NODE_ENV: 'production',
        PORT: port,
        HOST: '127.0.0.1',
        PUBLIC_URL: `http://127.0.0.1:${port}`,
        FRONTEND_URL: `http://127.0.0.1:${port}`,
        DATABASE_URL: postgres.url,
        REDIS_URL: redis?.url ?? '',
        SECRET_KEYS: randomBytes(32).toString('base64'),
        JWT_KEYS: JSON.stringify({ 'active-test.pem': pem }),
        SMTP_URL: 'smtp://127.0.0.1:9',
        FILES_STORAGE: 'local',
        JOB_LEASE_SECONDS: '2',
        SWEEP_SECONDS: '1',
        SHUTDOWN_DRAIN_SECONDS: '0',
        RATE_LIMIT_FACTOR: '100',
        // The machine of the tests is often busy.
        EVENT_LOOP_DELAY_MAX_MS: '0',
        ...settings,
        ...prepared,
      },
      db,
    );
    const migration = await Program.start('migrate', system.settings, [], folder);
    if ((await migration.exited).code !== 0) throw new Error(migration.output);
    return system;
  }

  get url(): string {
    return String(this.settings['PUBLIC_URL']);
  }

  startWorker(settings: Record<string, string> = {}, folder?: string): Promise<Program> {
    return this.startProgram('worker', settings, folder);
  }

  startApi(settings: Record<string, string> = {}, folder?: string): Promise<Program> {
    return this.startProgram('main', settings, folder);
  }

  /** The started programs that are still running. */
  running(): boolean[] {
    return this.programs.map(({ process }) => process.exitCode === null && process.signalCode === null);
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.end('SIGKILL')));
    await this.db.end();
    await this.redis?.kill();
    await this.postgres.kill();
  }

  async restartPostgres(): Promise<void> {
    this.postgres = await startTestPostgres(this.postgres.dir);
    await this.retryUntilDatabaseAnswers();
  }

  async restartRedis(): Promise<void> {
    if (!this.redis) return;
    const { port, dir } = this.redis;
    this.redis = await startRedis({ port, dir, args: ['--appendonly', 'yes'] });
  }

  /** The access token of the administrator who makes all requests. */
  async token(): Promise<string> {
    return (this.accessToken ||= await this.signIn());
  }

  /** A request of a signed-in administrator. */
  async request(
    method: string,
    path: string,
    body?: string,
    {
      type = 'application/json',
      correlationId = randomUUID(),
      signal,
    }: { type?: string; correlationId?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const token = await this.token();
    return fetch(this.url + path, {
      method,
      signal: signal ?? null,
      headers: {
        authorization: `Bearer ${token}`,
        'x-correlation-id': correlationId,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Uploads the file. Resolves to the id of its job. */
  async import(csv: string): Promise<string> {
    const answer = await this.request('POST', '/v1/users/imports', csv, { type: 'text/csv' });
    if (answer.status !== 202) throw new Error(`The import was rejected: ${await answer.text()}`);
    return ((await answer.json()) as { data: { id: string } }).data.id;
  }

  /** Starts the export of the administrator's data. Resolves to the id of its job. */
  async startExport(): Promise<string> {
    const answer = await this.request('POST', '/v1/jobs', JSON.stringify({ type: 'user-export' }));
    if (answer.status !== 202) throw new Error(`The export was rejected: ${await answer.text()}`);
    return ((await answer.json()) as { data: { id: string } }).data.id;
  }

  async job(id: string): Promise<JobRow> {
    const { rows } = await this.db.query<JobRow>('SELECT * FROM jobs WHERE id = $1', [id]);
    return rows[0] as JobRow;
  }

  untilJob(
    id: string,
    what: string,
    condition: (job: JobRow) => boolean,
    timeoutMs = 60_000,
  ): Promise<JobRow> {
    return until(
      async () => {
        const job = await this.job(id).catch(() => undefined);
        return job && condition(job) && job;
      },
      `job ${id} ${what}`,
      timeoutMs,
    );
  }

  untilStatus(id: string, ...statuses: string[]): Promise<JobRow> {
    return this.untilJob(id, `to be ${statuses.join(' or ')}`, ({ status }) => statuses.includes(status));
  }

  /** Waits until the import has committed the batch with this line. */
  untilLine(id: string, line: number): Promise<JobRow> {
    return this.untilJob(id, `to reach line ${line}`, ({ checkpoint }) => (checkpoint?.line ?? 0) >= line);
  }

  private async startProgram(
    name: 'main' | 'worker',
    settings: Record<string, string>,
    folder?: string,
  ): Promise<Program> {
    const ownPort = { METRICS_PORT: String(await freePort()) };
    const program = await Program.start(name, { ...this.settings, ...ownPort, ...settings }, [], folder);
    this.programs.push(program);
    return program.ready();
  }

  private retryUntilDatabaseAnswers() {
    return until(
      () =>
        this.db.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      'Postgres to answer',
    );
  }

  /** Creates an administrator. Resolves to the body of a sign-in. */
  async createAdmin(): Promise<{ email: string; password: string }> {
    const email = `admin-${randomUUID()}@example.com`;
    await this.db.query(
      `INSERT INTO users (id, email, password_hash, display_name, role, email_verified_at)
       VALUES ($1, $2, $3, 'Admin', 'admin', now())`,
      [randomUUIDv7(), email, await hash(PASSWORD, { memoryCost: 8, timeCost: 1, parallelism: 1 })],
    );
    return { email, password: PASSWORD };
  }

  private async signIn(): Promise<string> {
    const answer = await fetch(`${this.url}/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await this.createAdmin()),
    });
    if (answer.status !== 200) throw new Error(`Sign-in failed: ${await answer.text()}`);
    return ((await answer.json()) as { data: { accessToken: string } }).data.accessToken;
  }
}
