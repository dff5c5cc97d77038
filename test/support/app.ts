import { NestFactory } from '@nestjs/core';
import { type INestApplicationContext, Module, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { AppModule } from '../../src/app.module.ts';
import { type Config, loadConfig } from '../../src/platform/config/config.ts';
import { createApp } from '../../src/platform/http/create-app.ts';
import { WorkerModule } from '../../src/worker.module.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { Mailbox } from './mailbox.ts';
import { Program } from './program.ts';
import { createTestRedis, type TestRedis } from './redis.ts';

export type Backend = 'postgres' | 'redis';

export interface TestAppOptions {
  /** Where the queue lives; the database unless said otherwise. */
  backend?: Backend;
  /** Whether jobs run: starts a worker as well. */
  worker?: boolean;
  /** Job handlers that only tests have; the workers run them beside those of the application. */
  handlers?: Type[];
  /** A function is given the URL of the app's own database. */
  settings?: Settings | ((databaseUrl: string) => Settings);
}

type Settings = Record<string, string>;

interface Parts {
  dir: string;
  /** What `config` was read from. */
  env: Settings;
  database: TestDatabase;
  redis: TestRedis | undefined;
  handlers: Type[];
}

/** The real application on its own database: an API that listens on no port, and a worker where one is asked for. */
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

  static async start({
    backend = 'postgres',
    worker,
    handlers = [],
    settings = {},
  }: TestAppOptions = {}): Promise<TestApp> {
    const dir = mkdtempSync(join(tmpdir(), 'test-app-'));
    const database = await createTestDatabase();
    const redis = backend === 'redis' ? await createTestRedis() : undefined;
    const env = {
      ...environment(dir, database.url, redis?.url),
      ...(typeof settings === 'function' ? settings(database.url) : settings),
    };
    const config = loadConfig(undefined, env);
    const api = await startApi(config);
    const app = new TestApp(api, config, { dir, env, database, redis, handlers });
    if (worker) await app.startWorker();
    return app;
  }

  get db(): DataSource {
    return this.api.get(DataSource);
  }

  /** A request without credentials: `app.http().get('/v1/users/me')`. */
  http(instance?: Program) {
    return supertest(instance?.url ?? this.api.getHttpServer());
  }

  /** Opens a port, for what a request to a server that doesn't listen can't show, and gives its URL. */
  async listen(): Promise<string> {
    if (!this.api.getHttpServer().listening) await this.api.listen(0, '127.0.0.1');
    return `http://127.0.0.1:${(this.api.getHttpServer().address() as AddressInfo).port}`;
  }

  async startWorker(settings: Settings = {}): Promise<INestApplicationContext> {
    const config = loadConfig(undefined, { ...this.parts.env, ...settings });
    const worker = await NestFactory.createApplicationContext(
      { module: TestWorkerModule, imports: [WorkerModule.with(config)], providers: this.parts.handlers },
      { abortOnError: false, logger: false },
    );
    this.workers.push(worker);
    return worker;
  }

  /**
   * One more instance of the API on the same database. A separate process, because two applications in one would share
   * what libraries keep globally: Passport has one list of strategies.
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
    await Promise.all(this.others.map((other) => other.end()));
    for (const part of [...this.workers, this.api]) await part.close();
    const { dir, database, redis } = this.parts;
    await redis?.flush();
    await database.drop();
    rmSync(dir, { recursive: true, force: true });
  }
}

@Module({})
class TestWorkerModule {}

function environment(dir: string, databaseUrl: string, redisUrl = ''): Settings {
  return {
    NODE_ENV: 'test',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    // Made once a machine: an RSA key takes longer than most tests.
    JWT_KEYS_DIR: join(tmpdir(), 'test-keys'),
    MAIL_DIR: join(dir, 'mail'),
    RATE_LIMIT_FACTOR: '1000',
    SWEEP_SECONDS: '1',
    JOB_LEASE_SECONDS: '2',
  };
}

async function startApi(config: Config): Promise<NestFastifyApplication> {
  const api = await createApp(AppModule.with(config), config);
  await api.init();
  await api.getHttpAdapter().getInstance().ready();
  return api;
}
