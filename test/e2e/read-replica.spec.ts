import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { EmbeddedPostgres } from '../../scripts/embedded-postgres.ts';
import { freePort } from '../../scripts/processes.ts';
import { startTestPostgres } from '../support/database.ts';
import type { Program } from '../support/program.ts';
import { restartReplica, startReplica } from '../support/replica.ts';
import { System } from '../support/system.ts';
import { until } from '../support/until.ts';

const UNUSED = 'The replica is not used';
const USED_AGAIN = 'The replica is used again';
/** The largest limit, so that a paused replica is used for the whole test. */
const ANY_LAG = { DATABASE_REPLICA_MAX_LAG_SECONDS: '300' };
/** Two servers and several programs start. */
const LIMIT_MS = 120_000;

let system: System;
let replica: EmbeddedPostgres;
let onReplica: pg.Client;
let api: Program;

beforeAll(async () => {
  system = await System.start({ backend: 'postgres' });
  replica = await startReplica(system.postgres);
  await connect();
  api = await system.startApi({ DATABASE_REPLICA_URL: replica.url, ...ANY_LAG });
  await untilUsed(api);
}, LIMIT_MS);

afterAll(async () => {
  await onReplica?.end();
  await system?.stop();
  await replica?.kill();
});

async function connect(): Promise<void> {
  onReplica = new pg.Client({ connectionString: replica.url });
  // A test kills the server.
  onReplica.on('error', () => undefined);
  await onReplica.connect();
}

const startApi = async (settings: Record<string, string>): Promise<Program> =>
  system.startApi({
    PORT: String(await freePort()),
    DATABASE_REPLICA_URL: replica.url,
    LOG_LEVEL: 'info',
    ...settings,
  });

function untilUsed({ metricsUrl }: Program): Promise<unknown> {
  return until(async () => {
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
    return metrics.includes('\ndb_replica_used 1\n');
  }, 'the replica to be used');
}

/** Waits until the program logs the text after this call. */
function untilLogged(program: Program, text: string): Promise<unknown> {
  const from = program.output.length;
  return until(() => program.output.includes(text, from), `the log line “${text}”`);
}

/** While the action runs, the replica gets the changes but does not show them. */
async function whilePaused<T>(action: () => Promise<T>): Promise<T> {
  await onReplica.query('SELECT pg_wal_replay_pause()');
  await until(async () => {
    const { rows } = await onReplica.query('SELECT pg_get_wal_replay_pause_state() AS state');
    return rows[0].state === 'paused';
  }, 'the replica to pause');
  try {
    return await action();
  } finally {
    await onReplica.query('SELECT pg_wal_replay_resume()');
  }
}

/** `route`: `GET /v1/users`. */
async function request(
  program: Program,
  route: string,
  { token, body }: { token?: string; body?: object } = {},
) {
  const [method, path] = route.split(' ');
  const response = await fetch(`${program.url}${path}`, {
    method: method!,
    headers: {
      authorization: `Bearer ${token ?? (await system.token())}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as any };
}

async function list(program: Program, path: string): Promise<any[]> {
  const { status, body } = await request(program, `GET ${path}?limit=100`);
  expect(status).toBe(200);
  return body.data;
}

const emailsIn = async (program: Program): Promise<string[]> =>
  (await list(program, '/v1/users')).map(({ email }) => email);

async function idOf(email: string): Promise<string> {
  const { rows } = await system.db.query('SELECT id FROM users WHERE email = $1', [email]);
  return rows[0].id;
}

/** Starts an export of a new account. Resolves to the id of its job. */
async function startExport(): Promise<string> {
  const signIn = await request(api, 'POST /v1/auth/login', { body: await system.createAdmin() });
  const token = signIn.body.data.accessToken;
  const { body } = await request(api, 'POST /v1/jobs', { token, body: { type: 'user-export' } });
  return body.data.id;
}

describe('a read replica', () => {
  it('serves the lists of users and audit events, but no single user', async () => {
    await system.token();
    const { email, id } = await whilePaused(async () => {
      const admin = await system.createAdmin();
      const userId = await idOf(admin.email);
      await request(api, 'POST /v1/auth/login', { body: admin });

      const single = await request(api, `GET /v1/users/${userId}`);
      expect([single.status, single.body.data.email]).toEqual([200, admin.email]);
      expect(await emailsIn(api)).not.toContain(admin.email);
      const events = await list(api, '/v1/audit-events');
      expect(events.map((event) => event.userId)).not.toContain(userId);
      return { email: admin.email, id: userId };
    });

    await until(async () => (await emailsIn(api)).includes(email), 'the replica to have the user');
    await until(
      async () => (await list(api, '/v1/audit-events')).some(({ userId }) => userId === id),
      'the replica to have the audit event',
    );
  });

  it(
    'is not used while it is further behind than the limit',
    async () => {
      const limited = await startApi({ DATABASE_REPLICA_MAX_LAG_SECONDS: '3' });
      await untilUsed(limited);

      await whilePaused(async () => {
        const { email } = await system.createAdmin();
        await untilLogged(limited, UNUSED);
        expect(await emailsIn(limited)).toContain(email);
      });

      await untilLogged(limited, USED_AGAIN);
      await limited.end();
    },
    LIMIT_MS,
  );

  it(
    'serves an export only if it has everything from before the export',
    async () => {
      const worker = await system.startWorker({ DATABASE_REPLICA_URL: replica.url, ...ANY_LAG });
      await untilUsed(worker);

      // The replica does not have the account, so an export from there fails.
      const id = await whilePaused(async () => {
        const started = await startExport();
        expect((await system.untilStatus(started, 'completed', 'failed')).status).toBe('completed');
        return started;
      });
      expect((await system.job(id)).error_code).toBeNull();

      await until(async () => {
        const job = await startExport();
        await system.untilStatus(job, 'completed');
        const { rows } = await onReplica.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '%-worker' AND query LIKE 'SELECT ARRAY[created_at%'`,
        );
        return rows.length > 0;
      }, 'an export from the replica');
      await worker.end();
    },
    LIMIT_MS,
  );

  it(
    'may be killed and started again',
    async () => {
      const watched = await startApi(ANY_LAG);
      await untilUsed(watched);

      const noticed = untilLogged(watched, UNUSED);
      await replica.kill();
      const first = await request(watched, 'GET /v1/users');
      await noticed;
      const { email } = await system.createAdmin();

      expect([200, 503]).toContain(first.status);
      expect(await emailsIn(watched)).toContain(email);
      const used = untilLogged(watched, USED_AGAIN);
      replica = await restartReplica(system.postgres, replica.dir);
      await connect();
      await used;
      await watched.end();
    },
    LIMIT_MS,
  );

  it(
    'is not used if it follows another primary',
    async () => {
      const other = await startTestPostgres();
      const foreign = await startReplica(other);
      const mistaken = await startApi({ DATABASE_REPLICA_URL: foreign.url, ...ANY_LAG });

      await until(() => mistaken.output.includes('does not follow the primary'), 'the API to notice');

      const { email } = await system.createAdmin();
      expect(await emailsIn(mistaken)).toContain(email);
      await mistaken.end();
      await Promise.all([foreign.kill(), other.kill()]);
    },
    LIMIT_MS,
  );

  it.each([
    ['can’t be reached', () => 'postgres://postgres@127.0.0.1:1/postgres', 'ECONNREFUSED'],
    ['is the primary', () => system.postgres.url, 'not a replica'],
  ])(
    'is not used if it %s',
    async (_, urlOf, fault) => {
      const mistaken = await startApi({ DATABASE_REPLICA_URL: urlOf() });
      await until(() => mistaken.output.includes(UNUSED), 'the API to notice');

      const { email } = await system.createAdmin();

      expect(mistaken.output).toContain(fault);
      expect(await emailsIn(mistaken)).toContain(email);
      await mistaken.end();
    },
    LIMIT_MS,
  );
});
