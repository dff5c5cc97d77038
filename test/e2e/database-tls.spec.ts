import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { Program } from '../support/program.ts';
import { selfSigned } from '../support/self-signed.ts';
import { System } from '../support/system.ts';
import { newDataDir } from '../support/test-run.ts';
import { until } from '../support/until.ts';

const certificate = join(newDataDir(), 'postgres.crt');
const otherCertificate = join(newDataDir(), 'other.crt');
let system: System;

/** The server accepts the role of the application with TLS only. Its certificate is for localhost. */
async function requireTls(db: pg.Pool, url: string): Promise<Record<string, string>> {
  const { rows } = await db.query<{ data_directory: string }>('SHOW data_directory');
  const dir = rows[0]!.data_directory;
  const { key, cert } = selfSigned();
  writeFileSync(certificate, cert);
  writeFileSync(otherCertificate, selfSigned().cert);
  writeForServer(dir, 'server.crt', cert);
  writeForServer(dir, 'server.key', key);
  writeForServer(
    dir,
    'pg_hba.conf',
    `hostnossl all app all reject\n${readFileSync(join(dir, 'pg_hba.conf'), 'utf8')}`,
  );
  await db.query(`CREATE ROLE app LOGIN PASSWORD 'test-only'`);
  await db.query('GRANT CREATE ON DATABASE postgres TO app');
  await db.query('GRANT CREATE ON SCHEMA public TO app');
  await db.query('ALTER SYSTEM SET ssl = on');
  await db.query('SELECT pg_reload_conf()');
  await until(async () => (await db.query('SHOW ssl')).rows[0].ssl === 'on', 'the server to enable TLS');
  return { DATABASE_URL: urlWith(url, { sslmode: 'verify-full', sslrootcert: certificate }, 'localhost') };
}

/** Readable only by the account of the server, which rejects a key that other accounts can read. */
function writeForServer(dir: string, name: string, text: string): void {
  const file = join(dir, name);
  const { uid, gid } = statSync(dir);
  writeFileSync(file, text, { mode: 0o600 });
  chownSync(file, uid, gid);
}

function urlWith(url: string, parameters: Record<string, string>, hostname = '127.0.0.1'): string {
  const changed = Object.assign(new URL(url), { username: 'app', password: 'test-only', hostname });
  changed.search = new URLSearchParams(parameters).toString();
  return changed.href;
}

beforeAll(async () => {
  system = await System.start({ backend: 'postgres', prepare: requireTls });
}, 120_000);

afterAll(() => system.stop());

it('requests and jobs work with sslmode=verify-full, and every connection is encrypted', async () => {
  await Promise.all([system.startApi(), system.startWorker()]);

  const exported = await system.startExport();
  await system.untilStatus(exported, 'completed');

  const { rows } = await system.db.query(
    `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'app'`,
  );
  expect(rows).toEqual([{ ssl: true }]);
}, 120_000);

describe('the address of the server, which its certificate does not name', () => {
  const ca = { sslrootcert: certificate };
  const otherCa = { sslrootcert: otherCertificate };
  const UNVERIFIED = /certificate of Postgres can't be verified/;

  async function migrate(parameters: Record<string, string>) {
    const url = urlWith(system.postgres.url, parameters);
    const program = await Program.start('migrate', { ...system.settings, DATABASE_URL: url });
    return { ...(await program.exited), output: program.output };
  }

  it.each([
    ['require', { sslmode: 'require' }],
    ['require and its CA', { sslmode: 'require', ...ca }],
    ['verify-ca', { sslmode: 'verify-ca', ...ca }],
  ])('is accepted with sslmode=%s', async (_mode, parameters) => {
    expect(await migrate(parameters)).toMatchObject({ code: 0 });
  });

  it.each([
    ['verify-full', { sslmode: 'verify-full', ...ca }, UNVERIFIED],
    ['require and another CA', { sslmode: 'require', ...otherCa }, UNVERIFIED],
    ['verify-ca and another CA', { sslmode: 'verify-ca', ...otherCa }, UNVERIFIED],
    ['disable', { sslmode: 'disable' }, /pg_hba.conf rejects connection .* no encryption/],
  ])('is rejected with sslmode=%s', async (_mode, parameters, reason) => {
    expect(await migrate(parameters)).toMatchObject({ code: 1, output: expect.stringMatching(reason) });
  });
});
