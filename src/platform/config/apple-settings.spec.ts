import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from './config.ts';

const development = {
  NODE_ENV: 'test',
  DATABASE_URL: 'postgres://localhost/unused',
  JWT_KEYS_DIR: join(tmpdir(), 'test-keys'),
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

const pem = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

const apple = {
  APPLE_CLIENT_ID: 'com.example.web',
  APPLE_TEAM_ID: 'TEAM123456',
  APPLE_KEY_ID: 'KEY1234567',
  APPLE_PRIVATE_KEY: pem('P-256'),
};

describe('The key of Apple', () => {
  it.each([pem('P-384'), 'not a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'])(
    'must be a P-256 key, and an invalid one is not printed',
    (key) => {
      const faults = faultsOf({ ...development, ...apple, APPLE_PRIVATE_KEY: key });

      expect(faults).toEqual(['APPLE_PRIVATE_KEY: must be a PKCS#8 PEM of a P-256 key']);
    },
  );

  it('may have escaped line breaks', () => {
    const inOneLine = apple.APPLE_PRIVATE_KEY.replaceAll('\n', String.raw`\n`);

    expect(load({ ...development, ...apple, APPLE_PRIVATE_KEY: inOneLine }).APPLE_PRIVATE_KEY).toBe(
      apple.APPLE_PRIVATE_KEY,
    );
  });
});
