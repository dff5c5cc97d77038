import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/processes.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');

let app: TestApp;
/** A PATH without psql. */
let emptyDir: string;

beforeAll(async () => {
  app = await TestApp.start();
  emptyDir = mkdtempSync(join(tmpdir(), 'empty-'));
});

afterAll(async () => {
  rmSync(emptyDir, { recursive: true });
  await app.stop();
});

function run(args: string[], env: Record<string, string> = {}) {
  const { DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR } = app.config;
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: emptyDir, DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR, NODE_ENV: 'test', ...env },
  });
  return new Session(child);
}

/** A program that is used through its input and output. */
class Session {
  output = '';
  readonly exited: Promise<number | null>;

  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.output += String(chunk)));
    this.exited = once(child, 'close').then(([code]) => code as number | null);
  }

  /** Writes a line and waits for the text in the output that follows. */
  async type(line: string, expected: string | RegExp): Promise<void> {
    this.output = '';
    this.child.stdin.write(`${line}\n`);
    await this.prints(expected);
  }

  prints(expected: string | RegExp): Promise<boolean> {
    return until(() => new RegExp(expected).test(this.output), `${expected} in: ${this.output}`);
  }

  /** Ends the input. */
  end(): Promise<number | null> {
    this.child.stdin.end();
    return this.exited;
  }
}

describe('npm run console', () => {
  it('has the services by their names and the DataSource, and awaits', async () => {
    const { user } = await createUser(app, { email: 'console@example.com' });
    const session = run(['dist/src/console.js']);
    await session.prints(/Services: .*usersService/);

    await session.type(`(await db.query('SELECT count(*)::int AS users FROM users'))[0]`, '{ users: 1 }');
    await session.type(`(await usersService.get('${user.id}')).email`, `'console@example.com'`);
    await session.type('config.NODE_ENV', `'test'`);
    expect(await session.end()).toBe(0);
  });
});

describe.each([
  ['npm run console', 'dist/src/console.js'],
  ['npm run db', 'scripts/db.ts'],
])('%s', (_name, program) => {
  it('says in one sentence that Postgres is not running', async () => {
    const url = `postgres://app@127.0.0.1:${await freePort()}/app`;
    const session = run([program], { DATABASE_URL: url });

    expect(await session.exited).toBe(1);
    expect(session.output).toMatch(
      /^Postgres at 127\.0\.0\.1:\d+ can't be reached \(.*ECONNREFUSED.*\)\. Start it, or check DATABASE_URL\.\n$/,
    );
  });

  it('says in one sentence that the database does not exist', async () => {
    const url = new URL(app.config.DATABASE_URL);
    url.pathname = '/unknown';
    const session = run([program], { DATABASE_URL: url.href });

    expect(await session.exited).toBe(1);
    expect(session.output).toMatch(/^Postgres .*database "unknown" does not exist.*\n$/);
  });
});

describe('a database without tables', () => {
  let url: string;

  beforeAll(async () => {
    await app.db.query('CREATE DATABASE without_tables');
    url = Object.assign(new URL(app.config.DATABASE_URL), { pathname: '/without_tables' }).href;
  });

  afterAll(() => app.db.query('DROP DATABASE without_tables WITH (FORCE)'));

  it('stops npm run console with one sentence', async () => {
    const session = run(['dist/src/console.js'], { DATABASE_URL: url });

    expect(await session.exited).toBe(1);
    expect(session.output).toMatch(
      /^The database lacks \d+ migrations, from \w+\. Start bin\/dev, or run node dist\/src\/migrate\.js\.\n$/,
    );
  });

  it('is opened by npm run db, with a hint', async () => {
    const session = run(['scripts/db.ts', '-c', 'SELECT 1 AS one'], { DATABASE_URL: url });

    expect(await session.exited).toBe(0);
    expect(session.output).toMatch(/^The database has no tables yet: bin\/dev creates them\.\n[^]*1 rows/);
  });
});

describe('npm run db without psql', () => {
  it('runs statements that end with a semicolon, and continues after an error', async () => {
    const session = run(['scripts/db.ts']);

    await session.type('SELECT 40 +', '');
    await session.type('2 AS answer;', /answer[^]*42[^]*1 rows/);
    await session.type('SELECT nothing;', 'column "nothing" does not exist');
    await session.type('\\dt', 'users');
    await session.type('\\d users;', 'password_hash');
    expect(await session.end()).toBe(1);
  });

  it('runs one statement with -c', async () => {
    const session = run(['scripts/db.ts', '-c', 'SELECT 1 AS one']);

    expect(await session.exited).toBe(0);
    expect(session.output).toMatch(/one[^]*1 rows/);
  });

  it('does not run in production', async () => {
    const session = run(['scripts/db.ts', '-c', 'SELECT 1'], { NODE_ENV: 'production' });

    expect(await session.exited).toBe(1);
    expect(session.output.trim()).toBe('This command is for development only, and NODE_ENV is production.');
  });
});
