import { DEFAULT_SCHEMA, runMigrations as runQueueMigrations } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { type Config, StartupError } from '../config/config.ts';
import { grantToAppRole } from './app-role.ts';
import { type ChangedMigration, changedMigrations } from './changed-migrations.ts';
import { describePermanentFault } from './connection-faults.ts';
import { dataSourceOptions, timeouts, usesPooler } from './data-source.ts';
import type { MigrationClass } from './migrations.ts';
import { isLockContention } from './postgres-errors.ts';
import { applyRoleSettings, applySessionSettings } from './session-settings.ts';

interface Migrated {
  /** The names of the migrations that this process applied. */
  applied: string[];
  changed: ChangedMigration[];
  warnings: string[];
}

/** An arbitrary number. All processes that migrate this database use it. */
const ADVISORY_LOCK = 7_236_411_905;
const CONNECT_TIMEOUT_MS = 10_000;
const POLL_MS = 250;
const LOCK_WAIT_MAX_MS = 240_000;
const ATTEMPTS_MAX = 60;
const RETRY_MS = { min: 500, max: 3_000 };

/**
 * Applies the pending migrations while older releases may be running. If several processes call it, one applies the
 * migrations and the others wait.
 */
export async function migrate(config: Config, classes?: MigrationClass[]): Promise<Migrated> {
  const work = async (db: DataSource) => {
    if (config.NODE_ENV !== 'test') await refuseDrafts(db);
    return { applied: await applyMigrations(db), changed: await changedMigrations(db) };
  };
  return withLock(config, async (lock) => {
    const migrated = await withDatabase(config, work, classes);
    if (!config.REDIS_URL) await runQueueMigrations(lock, DEFAULT_SCHEMA);
    const warnings = await grantToAppRole(lock, config);
    if (usesPooler(config)) await setLimitsOfAppRole(config);
    return { ...migrated, warnings };
  });
}

/** Runs `down` of the last migrations, the newest first. Resolves to their names. */
export async function undoMigrations(
  config: Config,
  count: number,
  classes?: MigrationClass[],
): Promise<string[]> {
  if (config.NODE_ENV === 'production') {
    throw new StartupError(
      'Undoing a migration is for development only. In production, write a migration that repairs the schema.',
    );
  }
  const work = async (db: DataSource): Promise<string[]> => {
    const undone: string[] = [];
    while (undone.length < count) {
      const name = await undoLast(db);
      if (!name) break;
      undone.push(name);
    }
    return undone;
  };
  return withLock(config, () => withDatabase(config, work, classes));
}

async function withLock<T>(config: Config, work: (lock: pg.Client) => Promise<T>): Promise<T> {
  const lock = await connect(config.MIGRATION_DATABASE_URL, settingOf(config));
  try {
    await applySessionSettings(lock, timeouts(config, 'migrate'));
    await acquireLock(lock);
    return await work(lock);
  } finally {
    await lock.end();
  }
}

/** Without a pooler, because an advisory lock belongs to a session of Postgres. */
async function connect(connectionString: string, setting: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({
      connectionString,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    await client.connect();
    return client;
  } catch (error) {
    const sentence = describePermanentFault(error, setting);
    throw new StartupError(sentence ?? `Postgres can't be reached: ${describe(error)}`, { cause: error });
  }
}

const settingOf = (config: Config): string =>
  config.MIGRATION_DATABASE_URL === config.DATABASE_DIRECT_URL ? 'DATABASE_URL' : 'MIGRATION_DATABASE_URL';

/** Connects with the role of the application, because a role may change its own defaults. */
async function setLimitsOfAppRole(config: Config): Promise<void> {
  const client = await connect(config.DATABASE_DIRECT_URL, 'DATABASE_DIRECT_URL');
  try {
    await applyRoleSettings(client, timeouts(config, 'api'));
  } finally {
    await client.end();
  }
}

/** Polls. A session that waits for a lock holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for it. */
async function acquireLock(client: pg.Client): Promise<void> {
  const deadline = Date.now() + LOCK_WAIT_MAX_MS;
  for (;;) {
    const { rows } = await client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [
      ADVISORY_LOCK,
    ]);
    if (rows[0]?.ok) return;
    if (Date.now() > deadline) throw new StartupError('Another process has been migrating for four minutes.');
    await sleep(POLL_MS);
  }
}

async function withDatabase<T>(
  config: Config,
  work: (db: DataSource) => Promise<T>,
  classes?: MigrationClass[],
): Promise<T> {
  const options = dataSourceOptions(config, 'migrate');
  const db = await new DataSource(classes ? { ...options, migrations: classes } : options).initialize();
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}

async function refuseDrafts(db: DataSource): Promise<void> {
  const applied = await appliedNames(db);
  const isDraft = ({ constructor }: object) => Boolean((constructor as MigrationClass).isDraft);
  const draft = db.migrations.find(
    (migration) => isDraft(migration) && !applied.includes(migration.name ?? ''),
  );
  if (!draft) return;
  throw new StartupError(
    `${draft.name} is a draft, so no migration was applied. Read its statements in migrations/, then delete its line with isDraft.`,
  );
}

async function applyMigrations(db: DataSource): Promise<string[]> {
  const before = new Set(await appliedNames(db));
  await runWithRetries(
    () => db.runMigrations({ transaction: 'each' }),
    (error) => migrationError(db, error),
  );
  return (await appliedNames(db)).filter((name) => !before.has(name));
}

async function undoLast(db: DataSource): Promise<string | undefined> {
  const last = (await appliedNames(db)).at(-1);
  if (!last) return undefined;
  const migration = db.migrations.find(({ name }) => name === last);
  if (!migration) {
    throw new StartupError(
      `The last migration is ${last}, which is not in migrations/. Restore its file first.`,
    );
  }
  await runWithRetries(
    // TypeORM ignores `transaction = false` here.
    () => db.undoLastMigration({ transaction: migration.transaction === false ? 'none' : 'each' }),
    async (error) =>
      new StartupError(`Migration ${last} could not be undone: ${describe(error)}.`, { cause: error }),
  );
  return last;
}

/**
 * A migration waits only briefly for a lock, because all statements on the table wait behind it. If it can't get the lock,
 * it is rolled back and run again. A migration without a transaction must be repeatable.
 */
async function runWithRetries(
  work: () => Promise<unknown>,
  explain: (error: unknown) => Promise<Error>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isLockContention(error) || attempt === ATTEMPTS_MAX) throw await explain(error);
      await sleep(Math.min(RETRY_MS.min * attempt, RETRY_MS.max));
    }
  }
}

async function migrationError(db: DataSource, error: unknown): Promise<Error> {
  const applied = await appliedNames(db);
  const name = db.migrations.map((migration) => migration.name).find((each) => !applied.includes(each ?? ''));
  return new StartupError(
    `Migration ${name} failed: ${describe(error)}. The migrations before it were applied.`,
    {
      cause: error,
    },
  );
}

/** An AggregateError, for example of a host with two IP addresses, has no message. */
function describe(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}

async function appliedNames(db: DataSource): Promise<string[]> {
  const [table] = await db.query<{ exists: boolean }[]>(
    `SELECT to_regclass('migrations') IS NOT NULL AS exists`,
  );
  if (!table?.exists) return [];
  const rows = await db.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}
