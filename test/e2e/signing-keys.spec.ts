import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  jwtVerify,
  SignJWT,
  decodeJwt,
} from 'jose';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thumbprint } from '../../src/auth/keys/key-files.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

let folder: string;
let app: TestApp;
let user: SignedIn;
const kids: Record<string, string> = {};
const keys: Record<string, KeyObject> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'key-ring-'));
  for (const state of ['next', 'active', 'retiring']) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    keys[state] = privateKey;
    kids[state] = thumbprint(publicKey.export({ format: 'jwk' }));
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(folder, `${state}-${kids[state]}.pem`), pem, { mode: 0o600 });
  }
  app = await TestApp.start({ settings: { JWT_KEYS_DIR: folder } });
  user = await signedIn(app);
});

afterAll(async () => {
  await app.stop();
  rmSync(folder, { recursive: true });
});

describe('a ring of three keys', () => {
  it('signs with the active one', () => {
    expect(decodeProtectedHeader(user.accessToken).kid).toBe(kids['active']);
  });

  it.each(['retiring', 'next'])('accepts a token of the %s one', async (state) => {
    const token = await new SignJWT(decodeJwt(user.accessToken))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: kids[state]! })
      .sign(keys[state]!);

    const answer = await app.http().get('/v1/users/me').set('authorization', `Bearer ${token}`);

    expect(answer.status).toBe(200);
  });

  it('rejects a token that names one key and is signed with another', async () => {
    const token = await new SignJWT(decodeJwt(user.accessToken))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: kids['active']! })
      .sign(keys['retiring']!);

    const answer = await app.http().get('/v1/users/me').set('authorization', `Bearer ${token}`);

    expect(answer.status).toBe(401);
  });
});

describe('GET /.well-known/jwks.json', () => {
  it('shows only the public part of every key', async () => {
    const { body } = await app.http().get('/.well-known/jwks.json');

    expect(body.keys.map((key: { kid: string }) => key.kid).toSorted()).toEqual(
      Object.values(kids).toSorted(),
    );
    for (const key of body.keys) {
      expect(key).toEqual({
        kty: 'RSA',
        n: expect.stringMatching(/^[\w-]{342,}$/),
        e: 'AQAB',
        kid: await calculateJwkThumbprint(key, 'sha256'),
        use: 'sig',
        alg: 'RS256',
      });
    }
  });

  it('may be cached publicly for five minutes', async () => {
    const { headers } = await app.http().get('/.well-known/jwks.json');

    expect(headers['cache-control']).toBe('public, max-age=300');
    expect(headers['content-type']).toMatch(/^application\/(jwk-set\+)?json/);
  });

  it('is sufficient for another service to verify a token', async () => {
    const { body } = await app.http().get('/.well-known/jwks.json');
    const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = app.config;

    const { payload } = await jwtVerify(user.accessToken, createLocalJWKSet(body), {
      issuer,
      audience,
      typ: 'at+jwt',
    });

    expect(payload.sub).toBe(user.user.id);
  });
});
