import {
  type DynamicModule,
  type INestApplicationContext,
  Module,
  type Provider,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { AppModule } from '../../src/app.module.ts';
import type { JobDefinition } from '../../src/jobs/job-definition.ts';
import { JOB_HANDLER } from '../../src/jobs/job-handler.ts';
import { JobsModule } from '../../src/jobs/jobs.module.ts';
import { type Config, loadConfig } from '../../src/platform/config/config.ts';
import { migrate } from '../../src/platform/database/migrate.ts';
import { createApp } from '../../src/platform/http/create-app.ts';
import { Schedules } from '../../src/schedules/schedule-definition.ts';
import { WorkerModule } from '../../src/worker.module.ts';
import { CHEAP_HASH } from '../factories/user.factory.ts';
import { ContractRecorder } from './contract.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { Mailbox } from './mailbox.ts';
import { pooled } from './pgbouncer.ts';
import { Program } from './program.ts';
import { createTestCluster } from './redis-cluster.ts';
import { createTestRedis, type TestRedis } from './redis.ts';

export type Backend = 'postgres' | 'redis';

/** `bin/test --topology cluster`: all apps use Redis, and it is a cluster. */
const usesCluster = process.env.TEST_TOPOLOGY === 'cluster';
const DEFAULT_BACKEND: Backend = usesCluster ? 'redis' : 'postgres';
const createRedis = usesCluster ? createTestCluster : createTestRedis;

export interface TestAppOptions {
  /** The queue backend. Default: the database, or Redis with the topology `cluster`. */
  backend?: Backend;
  /** Also starts a worker, so that jobs run. */
  worker?: boolean;
  /** Schedules start their jobs. Default: false, so that the time of day changes no test. */
  schedules?: boolean;
  /** Additional job handlers, for tests only. */
  handlers?: Type[];
  /** Additional modules of the API and of the workers, for tests only. */
  modules?: DynamicModule[];
  /** Additional routes, for tests only. */
  controllers?: Type[];
  /** Additional providers of the API, for tests only. */
  providers?: Provider[];
  /** A function receives the URL of the app's database. */
  settings?: Settings | ((databaseUrl: string) => Settings);
}

type Settings = Record<string, string>;

interface Parts {
  dir: string;
  /** The source of `config`. */
  env: Settings;
  database: TestDatabase;
  redis: TestRedis | undefined;
  handlers: Type[];
  modules: DynamicModule[];
  contract: ContractRecorder;
}

/** The real application with a separate database: an API without a port, and optionally a worker. */
export class TestApp {
  readonly mailbox: Mailbox;
  readonly workers: INestApplicationContext[] = [];
  private readonly others: Program[] = [];

  private constructor(
    readonly api: NestFastifyApplication,
    readonly config: Config,
    private readonly parts: Parts,
  ) {
    this.mailbox = new Mailbox(config.MAIL_DIR);
  }

  static async start(options: TestAppOptions = {}): Promise<TestApp> {
    const database = await createTestDatabase();
    try {
      return await TestApp.startOn(database, options);
    } catch (error) {
      await database.drop();
      throw error;
    }
  }

  private static async startOn(
    database: TestDatabase,
    {
      backend = DEFAULT_BACKEND,
      worker,
      schedules,
      handlers = [],
      modules = [],
      settings = {},
      ...rest
    }: TestAppOptions,
  ): Promise<TestApp> {
    const dir = mkdtempSync(join(tmpdir(), 'test-app-'));
    const redis = backend === 'redis' ? await createRedis() : undefined;
    const env = {
      ...environment(dir, database.url, redis?.url),
      ...(typeof settings === 'function' ? settings(database.url) : settings),
    };
    const config = loadConfig(undefined, env);
    const contract = new ContractRecorder();
    const api = await startApi(config, { handlers, modules, ...rest }, contract);
    const app = new TestApp(api, config, { dir, env, database, redis, handlers, modules, contract });
    if (!schedules) await pauseSchedules(api);
    if (worker) await app.startWorker();
    return app;
  }

  get db(): DataSource {
    return this.api.get(DataSource);
  }

  /** A request without credentials: `app.http().get('/v1/users/me')`. */
  http(instance?: Program) {
    if (instance) return this.parts.contract.watchClient(supertest(instance.url));
    return supertest(this.api.getHttpServer());
  }

  /** Opens a port, for tests that need a listening server. Returns the URL. */
  async listen(): Promise<string> {
    if (!this.api.getHttpServer().listening) await this.api.listen(0, '127.0.0.1');
    return `http://127.0.0.1:${(this.api.getHttpServer().address() as AddressInfo).port}`;
  }

  /** Differences from openapi.json since the last call. Differences that are not taken make `stop` throw. */
  takeContractViolations(): string[] {
    return this.parts.contract.takeViolations();
  }

  /** `modules` replaces those of the app, as in another release. */
  async startWorker(settings: Settings = {}, modules = this.parts.modules): Promise<INestApplicationContext> {
    const config = loadConfig(undefined, { ...this.parts.env, ...settings });
    const worker = await NestFactory.createApplicationContext(
      {
        module: TestModule,
        imports: [WorkerModule.with(config), JobsModule.forFeature(typesOf(this.parts.handlers)), ...modules],
        providers: this.parts.handlers,
      },
      { abortOnError: false, logger: false },
    );
    this.workers.push(worker);
    return worker;
  }

  /**
   * A second API instance on the same database. It is a separate process, because two applications in one share
   * the global state of libraries, such as the strategies of Passport.
   */
  startAnother(settings: Settings = {}): Promise<Program> {
    return this.startProgram('main', settings);
  }

  /** A worker in a separate process, to check its output. */
  startAnotherWorker(settings: Settings = {}): Promise<Program> {
    return this.startProgram('worker', settings);
  }

  private async startProgram(name: 'main' | 'worker', settings: Settings): Promise<Program> {
    const { PUBLIC_URL, JWT_ISSUER, JWT_AUDIENCE } = this.config;
    const env = { ...this.parts.env, PUBLIC_URL, JWT_ISSUER, JWT_AUDIENCE, LOG_LEVEL: 'info', ...settings };
    const other = await Program.start(name, env);
    this.others.push(other);
    return other.ready();
  }

  async stop(): Promise<void> {
    const { dir, database, redis, contract } = this.parts;
    try {
      await Promise.all(this.others.map((other) => other.end()));
      for (const part of [...this.workers, this.api]) await part.close();
    } finally {
      await redis?.flush();
      await database.drop();
      rmSync(dir, { recursive: true, force: true });
    }
    contract.finish();
  }
}

@Module({})
class TestModule {}

/** The job types of the handlers. */
const typesOf = (handlers: Type[]): JobDefinition[] =>
  handlers.map((handler) => Reflect.getMetadata(JOB_HANDLER, handler) as JobDefinition);

async function pauseSchedules(api: NestFastifyApplication): Promise<void> {
  for (const { name, cron, timezone } of api.get(Schedules).all())
    await api.get(DataSource).query(
      `INSERT INTO schedules (name, cron, timezone, handled_until, confirmed_at, paused_at)
       VALUES ($1, $2, $3, now(), now(), now())`,
      [name, cron, timezone],
    );
}

function environment(dir: string, databaseUrl: string, redisUrl = ''): Settings {
  return {
    NODE_ENV: 'test',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    DATABASE_URL: pooled(databaseUrl),
    ...(process.env.TEST_POOLER_PORT && { DATABASE_DIRECT_URL: databaseUrl }),
    REDIS_URL: redisUrl,
    REDIS_CLUSTER: String(usesCluster && redisUrl !== ''),
    // Generated once per machine: an RSA key takes longer than most tests.
    JWT_KEYS_DIR: join(tmpdir(), 'test-keys'),
    MAIL_DIR: join(dir, 'mail'),
    FILES_DIR: join(dir, 'files'),
    RATE_LIMIT_FACTOR: '1000',
    // The cheapest hash: most tests sign in.
    PASSWORD_HASH_MEMORY_KIB: String(CHEAP_HASH.memoryCost),
    PASSWORD_HASH_PASSES: String(CHEAP_HASH.timeCost),
    SWEEP_SECONDS: '1',
    JOB_LEASE_SECONDS: '2',
  };
}

async function startApi(
  config: Config,
  { handlers = [], modules = [], controllers = [], providers = [] }: TestAppOptions,
  contract: ContractRecorder,
): Promise<NestFastifyApplication> {
  // Behind a pooler, the migration sets the limits of the API for the role, in each database.
  if (process.env.TEST_POOLER_PORT) await migrate(config);
  const imports = [AppModule.with(config), JobsModule.forFeature(typesOf(handlers)), ...modules];
  const api = await createApp({ module: TestModule, imports, controllers, providers }, config);
  contract.watch(api.getHttpAdapter().getInstance());
  await api.init();
  await api.getHttpAdapter().getInstance().ready();
  return api;
}
