import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { TestApp } from '../support/app.ts';
import { onServer } from '../support/database.ts';

let app: TestApp;

afterEach(() => app.stop());

describe('a transaction', () => {
  beforeEach(async () => {
    app = await TestApp.start();
    await app.db.query('CREATE TABLE counters (name text PRIMARY KEY, value integer NOT NULL)');
    await app.db.query(`INSERT INTO counters VALUES ('a', 0), ('b', 0)`);
  });

  const increment = `UPDATE counters SET value = value + 1 WHERE name = $1`;

  it('is retried when Postgres aborts it because of a deadlock', async () => {
    let bothHoldOneRow: () => void;
    const met = new Promise<void>((resolve) => (bothHoldOneRow = resolve));
    let holders = 0;
    let runs = 0;

    const lockBoth = (first: string, second: string) =>
      app.db.transaction(async (tx) => {
        runs += 1;
        await tx.query(increment, [first]);
        holders += 1;
        if (holders === 2) bothHoldOneRow();
        await met;
        await tx.query(increment, [second]);
      });
    await Promise.all([lockBoth('a', 'b'), lockBoth('b', 'a')]);

    expect(runs).toBe(3);
    expect(await app.db.query('SELECT value FROM counters')).toEqual([{ value: 2 }, { value: 2 }]);
  });

  it('is retried when it can’t be serialized', async () => {
    const sum = async (name: string) =>
      app.db.transaction('SERIALIZABLE', async (tx) => {
        const [{ total }] = await tx.query(`SELECT sum(value) + 1 AS total FROM counters`);
        await tx.query(`UPDATE counters SET value = $2 WHERE name = $1`, [name, total]);
      });
    await Promise.all([sum('a'), sum('b'), sum('a'), sum('b')]);

    const values = await app.db.query<{ value: number }[]>('SELECT value FROM counters');
    expect(Math.max(...values.map(({ value }) => value))).toBeGreaterThan(1);
  });

  it('is not retried for any other error', async () => {
    let runs = 0;

    const failing = app.db.transaction(async (tx) => {
      runs += 1;
      await tx.query(`INSERT INTO counters VALUES ('a', 0)`);
    });

    await expect(failing).rejects.toThrow('duplicate key');
    expect(runs).toBe(1);
  });
});

describe('a connection', () => {
  it('keeps what the code relies on, whatever the database, the role or the URL sets', async () => {
    app = await TestApp.start({
      settings: (databaseUrl) => ({
        DATABASE_URL: `${databaseUrl}?options=-c%20search_path%3Dpg_catalog%20-c%20statement_timeout%3D900`,
      }),
    });
    const [{ name }] = await app.db.query<[{ name: string }]>('SELECT current_database() AS name');
    await onServer((client) =>
      client.query(`
        ALTER DATABASE "${name}" SET datestyle TO 'German';
        ALTER DATABASE "${name}" SET timezone TO 'Asia/Kathmandu';
        ALTER DATABASE "${name}" SET intervalstyle TO 'iso_8601';
        ALTER DATABASE "${name}" SET bytea_output TO 'escape';
        ALTER DATABASE "${name}" SET max_parallel_workers_per_gather TO 4;
        ALTER DATABASE "${name}" SET jit TO on;`),
    );

    const fresh = await new DataSource(app.db.options).initialize();
    const [row] = await fresh.query(`
      SELECT timestamptz '2026-01-02T03:04:05Z' AS time, '\\x00ff'::bytea AS bytes,
        current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout,
        current_setting('max_parallel_workers_per_gather') AS workers, current_setting('jit') AS jit`);
    await fresh.destroy();

    expect(row).toEqual({
      time: new Date('2026-01-02T03:04:05Z'),
      bytes: Buffer.from([0, 255]),
      path: 'public',
      timeout: '5s',
      workers: '0',
      jit: 'off',
    });
  });
});
