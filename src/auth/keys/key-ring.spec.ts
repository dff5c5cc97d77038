import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../platform/config/config.ts';
import { KeyRing, loadKeys } from './key-ring.ts';

const good = rsa(2048);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keys-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('the key ring', () => {
  it('reads keys from a folder, with the state from the file name', () => {
    put('active-a.pem', good);
    put('retiring-b.pem', rsa(2048));
    put('next-c.pem', rsa(2048));

    const ring = new KeyRing(config());

    expect(ring.jwks()).toHaveLength(3);
    expect(ring.active.state).toBe('active');
    expect(ring.find(ring.active.kid)).toBe(ring.active);
    expect(ring.find('unknown')).toBeUndefined();
  });

  it('reads keys from a setting without files', () => {
    const ring = new KeyRing(config({ JWT_KEYS: JSON.stringify({ 'active-a.pem': pem(good) }) }));

    expect(ring.jwks()).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ignores other files in the folder', () => {
    put('active-a.pem', good);
    writeFileSync(join(folder, 'README.md'), 'not a key');

    expect(new KeyRing(config()).jwks()).toHaveLength(1);
  });

  it('reloads a key that is replaced under the same name', () => {
    put('active-a.pem', good);
    const ring = new KeyRing(config());
    const { kid } = ring.active;

    put('active-a.pem', rsa(2048));
    ring.reloadIfChanged();

    expect(ring.active.kid).not.toBe(kid);
  });

  it('keeps its keys while a file is half written, and loads the file when it is complete', () => {
    put('active-a.pem', good);
    const ring = new KeyRing(config());
    const next = pem(rsa(2048));

    write('next-b.pem', next.slice(0, 500));
    ring.reloadIfChanged();
    expect(ring.jwks()).toHaveLength(1);

    write('next-b.pem', next);
    ring.reloadIfChanged();
    expect(ring.jwks()).toHaveLength(2);
  });

  it.each<[string, () => void, RegExp]>([
    ['a key of 1024 bits', () => put('active-a.pem', rsa(1024)), /active-a\.pem has 1024 bits/],
    [
      'an elliptic key',
      () => put('active-a.pem', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      /is not an RSA key/,
    ],
    ['a public key', () => put('active-a.pem', createPublicKey(good)), /holds no private key/],
    ['a file without a key', () => write('active-a.pem', 'nonsense'), /holds no private key/],
    ['a key that everyone can read', () => put('active-a.pem', good, 0o644), /can be read by everyone/],
    [
      'two active keys',
      () => [put('active-a.pem', good), put('active-b.pem', rsa(2048))],
      /exactly one active key, has 2/,
    ],
    ['no active key', () => put('retiring-a.pem', good), /exactly one active key, has 0/],
  ])('rejects %s', (_name, prepare, fault) => {
    prepare();

    expect(() => loadKeys(config())).toThrow(fault);
  });

  it('reports all errors together and shows no part of a key', () => {
    put('active-a.pem', rsa(1024));
    put('retiring-b.pem', createPublicKey(good));
    put('next-c.pem', good, 0o644);

    const message = messageOf(() => loadKeys(config()));

    expect(message).toMatch(/active-a\.pem[^]*retiring-b\.pem|retiring-b\.pem[^]*active-a\.pem/);
    expect(message).toContain('next-c.pem');
    expect(message).not.toMatch(/BEGIN|MII/);
  });

  it.each([
    ['invalid JSON', '{'],
    ['no object', '"text"'],
    ['a badly named key', JSON.stringify({ 'key.pem': pem(good) })],
    ['a key that is not a string', JSON.stringify({ 'active-a.pem': 1 })],
    ['an invalid key', JSON.stringify({ 'active-a.pem': 'x' })],
  ])('rejects a setting with %s', (_name, JWT_KEYS) => {
    expect(() => loadKeys(config({ JWT_KEYS }))).toThrow(/JWT_KEYS/);
  });

  it('creates a 3072-bit key for development once, readable only by its owner', () => {
    const first = new KeyRing(config());

    const second = new KeyRing(config());

    expect(second.active.kid).toBe(first.active.kid);
    expect(first.active.privateKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
    const [name = ''] = readdirSync(folder);
    expect(name).toBe(`active-${first.active.kid}.pem`);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it('rejects the development key in production', () => {
    loadKeys(config());
    const [name = ''] = readdirSync(folder);
    const asSetting = JSON.stringify({ [name]: readFileSync(join(folder, name), 'utf8') });

    expect(() => loadKeys(config(PRODUCTION))).toThrow(/is a development key/);
    expect(() => loadKeys(config({ ...PRODUCTION, JWT_KEYS: asSetting }))).toThrow(/is a development key/);
  });

  it('creates no key in production', () => {
    expect(() => loadKeys(config(PRODUCTION))).toThrow(/exactly one active key, has 0/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://api.example.com',
  FRONTEND_URL: 'https://app.example.com',
  CORS_ORIGINS: 'https://app.example.com',
  OAUTH_RETURN_TO_ALLOWLIST: 'https://app.example.com',
  SECRET_KEYS: Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64'),
  SMTP_URL: 'smtp://localhost',
  FILES_STORAGE: 'local',
};

const config = (settings: Record<string, string> = {}) =>
  loadConfig(undefined, {
    NODE_ENV: 'test',
    DATABASE_URL: 'postgres://localhost/unused',
    SECRET_KEYS: PRODUCTION.SECRET_KEYS,
    JWT_KEYS_DIR: folder,
    ...settings,
  });

function rsa(modulusLength: number): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey;
}

function pem(key: KeyObject): string {
  return key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString();
}

const put = (name: string, key: KeyObject, mode = 0o600) => write(name, pem(key), mode);

function write(name: string, text: string, mode = 0o600): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('No error was thrown');
}
