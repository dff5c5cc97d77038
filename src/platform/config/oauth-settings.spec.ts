import { describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from './config.ts';

const development = {
  NODE_ENV: 'test',
  DATABASE_URL: 'postgres://localhost/unused',
  JWT_KEYS_DIR: join(tmpdir(), 'test-keys'),
};

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://localhost/unused',
  PUBLIC_URL: 'https://api.example.com',
  FRONTEND_URL: 'https://www.example.com',
  SECRET_KEYS: Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64'),
  SMTP_URL: 'smtp://mail.example.com',
  FILES_STORAGE: 'local',
};

const load = (env: Record<string, string>): Config => loadConfig(undefined, env);

function faultsOf(env: Record<string, string>): string[] {
  try {
    load(env);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

describe('The settings of a provider', () => {
  it('are optional', () => {
    expect(load({ ...development, GOOGLE_CLIENT_ID: '', APPLE_PRIVATE_KEY: '' })).toMatchObject({
      GOOGLE_ISSUER: 'https://accounts.google.com',
      GITHUB_BASE_URL: 'https://github.com',
      GITHUB_API_URL: 'https://api.github.com',
      APPLE_ISSUER: 'https://appleid.apple.com',
    });
  });

  it.each([
    [{ GOOGLE_CLIENT_ID: 'id' }, ['GOOGLE_CLIENT_SECRET: is required with GOOGLE_CLIENT_ID']],
    [{ GITHUB_CLIENT_SECRET: 'secret' }, ['GITHUB_CLIENT_ID: is required with GITHUB_CLIENT_SECRET']],
    [
      { APPLE_TEAM_ID: 'team' },
      [
        'APPLE_CLIENT_ID: is required with APPLE_TEAM_ID',
        'APPLE_KEY_ID: is required with APPLE_TEAM_ID',
        'APPLE_PRIVATE_KEY: is required with APPLE_TEAM_ID',
      ],
    ],
  ])('stop the start when one of a group is missing: %j', (env, faults) => {
    expect(faultsOf({ ...development, ...env })).toEqual(faults);
  });

  it('accept only https URLs in production', () => {
    const plain = 'http://127.0.0.1:4000';
    const env = { GOOGLE_ISSUER: plain, GITHUB_BASE_URL: plain, GITHUB_API_URL: plain, APPLE_ISSUER: plain };

    expect(faultsOf({ ...development, ...env })).toEqual([]);
    expect(faultsOf({ ...production, ...env })).toEqual(
      Object.keys(env).map((name) => `${name}: must be https in production`),
    );
  });
});

describe('OAUTH_RETURN_TO_ALLOWLIST', () => {
  it('is the origin of the API and of the frontend in development', () => {
    const config = load({ ...development, FRONTEND_URL: 'http://localhost:5173/app' });

    expect(config.OAUTH_RETURN_TO_ALLOWLIST).toEqual(['http://localhost:3000', 'http://localhost:5173']);
  });

  it('is required in production with a provider, and must be https', () => {
    const github = { GITHUB_CLIENT_ID: 'id', GITHUB_CLIENT_SECRET: 'secret' };
    const name = 'OAUTH_RETURN_TO_ALLOWLIST';

    expect(faultsOf(production)).toEqual([]);
    expect(faultsOf({ ...production, ...github })).toEqual([`${name}: is required in production`]);
    expect(faultsOf({ ...production, ...github, [name]: 'http://www.example.com' })).toEqual([
      `${name}: must be https in production`,
    ]);
    expect(faultsOf({ ...production, ...github, [name]: 'https://www.example.com' })).toEqual([]);
  });

  it('contains origins, not full URLs', () => {
    expect(faultsOf({ ...development, OAUTH_RETURN_TO_ALLOWLIST: 'https://www.example.com/path' })).toEqual([
      'OAUTH_RETURN_TO_ALLOWLIST.0: must be an origin: scheme://host[:port]',
    ]);
  });
});
