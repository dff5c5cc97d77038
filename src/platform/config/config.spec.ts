import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from './config.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64');

const production: Record<string, string> = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://app:hunter2@db.internal/app',
  PUBLIC_URL: 'https://api.example.com',
  FRONTEND_URL: 'https://app.example.com',
  CORS_ORIGINS: 'https://app.example.com',
  OAUTH_RETURN_TO_ALLOWLIST: 'https://app.example.com',
  SECRET_KEYS: SECRET,
  SMTP_URL: 'smtps://mailer:hunter2@mail.internal',
  FILES_STORAGE: 'local',
};

describe('the settings', () => {
  it('need only a database in development', () => {
    const config = load({ NODE_ENV: 'development', DATABASE_URL: 'postgres://localhost/dev' });

    expect(config).toMatchObject({
      PORT: 3000,
      HOST: 'localhost',
      PUBLIC_URL: 'http://localhost:3000',
      FRONTEND_URL: 'http://localhost:3000',
      JWT_ISSUER: 'http://localhost:3000',
      JWT_AUDIENCE: 'http://localhost:3000',
      DATABASE_DIRECT_URL: 'postgres://localhost/dev',
      ACCESS_TOKEN_SECONDS: 600,
      REFRESH_GRACE_SECONDS: 10,
      SESSION_IDLE_DAYS: 14,
      SESSION_MAX_DAYS: 30,
      SHUTDOWN_DRAIN_SECONDS: 0,
      SHUTDOWN_DEADLINE_SECONDS: 25,
      LOG_LEVEL: 'info',
      METRICS_PORT: 9464,
      API_DOCS: true,
    });
    expect(config.REDIS_URL).toBeUndefined();
  });

  it('derive the URLs from one another', () => {
    const config = load({ ...production, JWT_AUDIENCE: 'api', PUBLIC_URL: 'https://api.example.com/' });

    expect(config).toMatchObject({
      PUBLIC_URL: 'https://api.example.com',
      JWT_ISSUER: 'https://api.example.com',
      JWT_AUDIENCE: 'api',
    });
  });

  it('are strict in production where they are open in development', () => {
    expect(load(production)).toMatchObject({ HOST: '0.0.0.0', API_DOCS: false, SHUTDOWN_DRAIN_SECONDS: 5 });
  });

  it('default to production without NODE_ENV', () => {
    const { NODE_ENV: _, ...rest } = production;

    expect(load(rest).NODE_ENV).toBe('production');
  });

  it('have the same meaning when empty and when missing', () => {
    const empty = { PORT: '', REDIS_URL: '', HOST: '', LOG_LEVEL: '', API_DOCS: '', TRUST_PROXY: '' };

    expect(load({ ...production, ...empty })).toEqual(load(production));
  });

  it('create a secret for development once and keep it', () => {
    const env = { NODE_ENV: 'development', DATABASE_URL: 'postgres://localhost/dev' };

    const [first] = load(env).SECRET_KEYS;

    expect(Buffer.from(String(first), 'base64')).toHaveLength(32);
    expect(load(env).SECRET_KEYS).toEqual([first]);
    expect(faultsOf({ ...production, SECRET_KEYS: String(first) })).toEqual([
      'SECRET_KEYS: contains a development secret',
    ]);
  });

  it('can’t be changed', () => {
    const config: { PORT: number } = load(production);

    expect(() => (config.PORT = 1)).toThrow(TypeError);
  });

  it.each([
    ['2', 2],
    ['10.0.0.0/8, 192.168.0.1', ['10.0.0.0/8', '192.168.0.1']],
  ])('take proxies as hops or as ranges: %s', (TRUST_PROXY, expected) => {
    expect(load({ ...production, TRUST_PROXY }).TRUST_PROXY).toEqual(expected);
  });
});

describe('invalid settings', () => {
  it('are all reported together, including production rules and keys', () => {
    const faults = faultsOf({
      NODE_ENV: 'production',
      PORT: '99999',
      REDIS_URL: 'http://redis',
      LOG_LEVEL: 'loud',
    });

    const names = faults.map((fault) => fault.split(':')[0]);
    expect(names).toEqual(
      expect.arrayContaining([
        'PORT',
        'REDIS_URL',
        'LOG_LEVEL',
        'DATABASE_URL',
        'PUBLIC_URL',
        'FRONTEND_URL',
        'SECRET_KEYS',
        'SMTP_URL',
        'FILES_STORAGE',
      ]),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    [{ REDIS_URL: '' }, 'REDIS_CLUSTER: needs REDIS_URL'],
    [{ REDIS_URL: 'redis://redis/3' }, 'REDIS_URL: must not have a database number with REDIS_CLUSTER'],
    [{ REDIS_URL: 'redis://redis?db=3' }, 'REDIS_URL: must not have a database number with REDIS_CLUSTER'],
  ])('include a Redis Cluster with %j', (settings, fault) => {
    const faults = faultsOf({ ...production, ...settings, REDIS_CLUSTER: 'true' });

    expect(faults).toEqual([expect.stringContaining(fault)]);
  });

  it.each(['redis://redis', 'redis://redis/', 'redis://redis/0'])(
    'are not %s with a cluster',
    (REDIS_URL) => {
      expect(load({ ...production, REDIS_URL, REDIS_CLUSTER: 'true' })).toMatchObject({
        REDIS_CLUSTER: true,
      });
    },
  );

  it('include errors of the keys', () => {
    const check = () => {
      throw new ConfigError(['JWT_KEYS_DIR: needs exactly one active key, has 0']);
    };

    const faults = faultsOf({ ...production, SECRET_KEYS: '' }, check);

    expect(faults).toEqual([
      'SECRET_KEYS: is required in production',
      'JWT_KEYS_DIR: needs exactly one active key, has 0',
    ]);
  });

  it.each([
    ['PORT', '0'],
    ['PORT', 'http'],
    ['DATABASE_URL', 'mysql://app:hunter2@db/app'],
    ['DATABASE_URL', 'hunter2'],
    ['DATABASE_URL', 'postgres://app:hunter2@db/app?sslmode=prefer'],
    ['DATABASE_URL', 'postgres://app:hunter2@db/app?sslmode=verify-ca'],
    ['REDIS_URL', 'https://:hunter2@redis'],
    ['SMTP_URL', 'http://mailer:hunter2@mail'],
    ['MAIL_FROM', 'hunter2'],
    ['MAIL_FROM', '"Hunter <hunter2@example.com>"'],
    ['MAIL_FROM', 'A <hunter2@example.com>, B <b@example.com>'],
    ['SECURITY_CONTACT', 'hunter2@example.com'],
    ['SECURITY_CONTACT', 'http://example.com/hunter2'],
    ['SECURITY_CONTACT', 'mailto:hunter2@example.com\nExpires: 2099-01-01T00:00:00Z'],
    ['SECURITY_CONTACT', ','],
    ['SECRET_KEYS', 'hunter2'],
    ['SECRET_KEYS', `${SECRET},hunter2`],
    ['SECRET_KEYS', Buffer.from('hunter2').toString('base64')],
    ['PUBLIC_URL', 'api.example.com'],
    ['PUBLIC_URL', 'http://api.example.com'],
    ['FRONTEND_URL', 'http://app.example.com'],
    ['CORS_ORIGINS', 'https://app.example.com/path'],
    ['CORS_ORIGINS', '*'],
    ['ACCESS_TOKEN_SECONDS', '43201'],
    ['SESSION_MAX_DAYS', '0'],
    ['API_DOCS', 'maybe'],
    ['NODE_ENV', 'prod'],
    ['SECRET_KEYS', Buffer.alloc(32).toString('base64')],
    ['CORS_ORIGINS', 'http://app.example.com'],
    ['PUBLIC_URL', 'https://me:hunter2@api.example.com'],
    ['PUBLIC_URL', 'https://api.example.com?hunter2'],
    ['PUBLIC_URL', 'https://example.com/api'],
    ['FRONTEND_URL', 'https://app.example.com#hunter2'],
    ['TRUST_PROXY', 'true'],
    ['TRUST_PROXY', '99'],
    ['TRUST_PROXY', '0.0.0.0/0'],
    ['TRUST_PROXY', '10.0.0.0/8,::/0'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['HOST', '[::1]'],
    ['HOST', '0.0.0.0:3000'],
    ['RATE_LIMIT_FACTOR', '1000000'],
    ['PASSWORD_HASH_MEMORY_KIB', '8192'],
    ['PASSWORD_HASH_PASSES', '1'],
    ['METRICS_PORT', '3000'],
    ['SHUTDOWN_DRAIN_SECONDS', '25'],
    ['DATABASE_URL', 'postgres://app@/app?host=/cloudsql/hunter2'],
    ['DATABASE_URL', 'postgres://app:hunter2/#@db/app'],
    ['DATABASE_URL', 'postgres://db/app?sslmode=verify-full&sslrootcert=/no/such/hunter2.pem'],
  ])('name the setting and never show the value: %s=%s', (name, value) => {
    const faults = faultsOf({ ...production, [name]: value });

    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}(\\.\\d+)?: \\w`));
    expect(faults[0]).not.toContain('hunter2');
    expect(faults[0]).not.toContain(Buffer.from('hunter2').toString('base64'));
  });

  it('cause one error for an empty required setting', () => {
    expect(faultsOf({ ...production, DATABASE_URL: '' })).toEqual([expect.stringMatching(/^DATABASE_URL: /)]);
  });
});

/** In development, the secret is stored next to the keys folder. */
const load = (env: Record<string, string>, check?: (config: Config) => unknown) =>
  loadConfig(check, { JWT_KEYS_DIR: join(folder, 'keys'), ...env });

function faultsOf(env: Record<string, string>, check?: (config: Config) => unknown): string[] {
  try {
    load(env, check);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}
