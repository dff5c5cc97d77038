import { Injectable } from '@nestjs/common';
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Config, ConfigError } from '../config/config.ts';
import { isDevelopmentKey, makeDevelopmentKey } from './development-key.ts';
import { KEY_FILE, keyFiles, type KeyState, thumbprint } from './key-files.ts';

export interface RingKey {
  /** RFC 7638 thumbprint. */
  kid: string;
  state: KeyState;
  privateKey: KeyObject;
  publicKey: KeyObject;
  /** The public members only, as the JWKS shows them. */
  jwk: JsonWebKey & { kid: string; use: 'sig'; alg: 'RS256' };
}

const MODULUS_BITS_MIN = 2048;
const WORLD_READABLE = 0o004;

/**
 * The RSA keys of access tokens: one signs, and all of them verify, so that a rotation signs nobody out. Read and
 * parsed once, since parsing a PEM costs more than verifying a token.
 */
@Injectable()
export class KeyRing {
  readonly active: RingKey;
  private readonly byKid: ReadonlyMap<string, RingKey>;

  constructor(config: Config) {
    const keys = loadKeys(config);
    this.byKid = new Map(keys.map((key) => [key.kid, key]));
    this.active = keys.find((key) => key.state === 'active')!;
  }

  find(kid: string): RingKey | undefined {
    return this.byKid.get(kid);
  }

  jwks(): RingKey['jwk'][] {
    return [...this.byKid.values()].map((key) => key.jwk);
  }
}

/** Throws a ConfigError that names every fault of the ring; never a part of a key. */
export function loadKeys(config: Config): RingKey[] {
  const faults: string[] = [];
  const files = config.JWT_KEYS ? keysFromSetting(config.JWT_KEYS, faults) : keysFromFolder(config, faults);
  const keys = files.flatMap(([name, pem]) => parseKey(name, pem, config, faults));
  const active = keys.filter((key) => key.state === 'active').length;
  if (active !== 1 && faults.length === 0) {
    faults.push(
      `${config.JWT_KEYS ? 'JWT_KEYS' : 'JWT_KEYS_DIR'}: needs exactly one active key, has ${active}`,
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return keys;
}

type NamedPem = [name: string, pem: string];

function keysFromSetting(json: string, faults: string[]): NamedPem[] {
  try {
    return Object.entries(JSON.parse(json) as Record<string, string>).map(([name, pem]) => [name, pem]);
  } catch {
    faults.push('JWT_KEYS: is not a JSON object from file name to PEM');
    return [];
  }
}

function keysFromFolder(config: Config, faults: string[]): NamedPem[] {
  const folder = config.JWT_KEYS_DIR;
  if (config.NODE_ENV !== 'production') makeDevelopmentKey(folder);
  return keyFiles(folder).flatMap((name): NamedPem[] => {
    const path = join(folder, name);
    if (statSync(path).mode & WORLD_READABLE) {
      faults.push(`JWT_KEYS_DIR: ${name} can be read by everyone; chmod 600 it`);
      return [];
    }
    return [[name, readFileSync(path, 'utf8')]];
  });
}

function parseKey(name: string, pem: string, config: Config, faults: string[]): RingKey[] {
  const state = KEY_FILE.exec(name)?.[1] as KeyState | undefined;
  const fault = (text: string): [] => {
    faults.push(`JWT_KEYS: ${name} ${text}`);
    return [];
  };
  if (!state) return fault('is not named <next|active|retiring>-<kid>.pem');
  if (config.NODE_ENV === 'production' && isDevelopmentKey(pem)) return fault('is a development key');
  const privateKey = readPrivateKey(pem);
  if (!privateKey) return fault('holds no private key');
  if (privateKey.asymmetricKeyType !== 'rsa') return fault('is not an RSA key');
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MODULUS_BITS_MIN) return fault(`has ${bits} bits; at least ${MODULUS_BITS_MIN} are needed`);
  const publicKey = createPublicKey(privateKey);
  const { kty, n, e } = publicKey.export({ format: 'jwk' });
  const kid = thumbprint({ kty, n, e });
  return [
    {
      kid,
      state,
      privateKey,
      publicKey,
      jwk: { kty, n, e, kid, use: 'sig', alg: 'RS256' },
    },
  ];
}

function readPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
