import { describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from './config.ts';

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
};

const s3 = {
  FILES_STORAGE: 's3',
  FILES_S3_BUCKET: 'my-files',
  FILES_S3_ACCESS_KEY_ID: 'id',
  FILES_S3_SECRET_ACCESS_KEY: 'secret',
};

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(undefined, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('the file storage', () => {
  it('is the local disk in development', () => {
    expect(loadConfig(undefined, development)).toMatchObject({
      FILES_STORAGE: 'local',
      FILES_DIR: '.local/files',
    });
  });

  it('must be chosen in production, also for the local disk', () => {
    expect(faultsOf(production)).toEqual([
      expect.stringMatching(/^FILES_STORAGE: is required in production/),
    ]);
    expect(faultsOf({ ...production, FILES_STORAGE: 'local' })).toEqual([]);
    expect(faultsOf({ ...production, ...s3 })).toEqual([]);
  });

  it('needs a bucket and a key with s3', () => {
    expect(faultsOf({ ...development, FILES_STORAGE: 's3' })).toEqual([
      'FILES_S3_BUCKET: is required with FILES_STORAGE=s3',
      'FILES_S3_ACCESS_KEY_ID: is required with FILES_STORAGE=s3',
      'FILES_S3_SECRET_ACCESS_KEY: is required with FILES_STORAGE=s3',
    ]);
  });

  it.each([
    ['FILES_STORAGE', 'disk'],
    ['FILES_S3_BUCKET', 'Not_A_Bucket'],
    ['FILES_S3_ENDPOINT', 'https://s3.example.com/my-files'],
    ['FILES_S3_PUBLIC_ENDPOINT', 'ftp://s3.example.com'],
    ['FILES_QUOTA_MIB', '0'],
  ])('rejects %s=%s', (name, value) => {
    expect(faultsOf({ ...development, ...s3, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name}: `)),
    ]);
  });
});
