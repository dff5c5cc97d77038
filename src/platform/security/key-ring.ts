import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
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

/** How soon a key that was added, activated or withdrawn in the folder is noticed. */
const RELOAD_MS = 2_000;

/**
 * The RSA keys of access tokens: one signs, and all of them verify, so that a rotation signs nobody out. Parsed once,
 * since parsing a PEM costs more than verifying a token, and again when the files of the folder have changed.
 */
@Injectable()
export class KeyRing implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('KeyRing');
  private keys: RingKey[];
  private names: string;
  private timer?: NodeJS.Timeout;

  constructor(private readonly config: Config) {
    this.keys = loadKeys(config);
    this.names = this.fileNames();
  }

  get active(): RingKey {
    return this.keys.find((key) => key.state === 'active')!;
  }

  find(kid: string): RingKey | undefined {
    return this.keys.find((key) => key.kid === kid);
  }

  jwks(): RingKey['jwk'][] {
    return this.keys.map((key) => key.jwk);
  }

  onApplicationBootstrap(): void {
    if (this.config.JWT_KEYS) return;
    this.timer = setInterval(() => this.reloadIfChanged(), RELOAD_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** The names say it all: they hold state and kid. A ring with a fault is not taken, and told once. */
  private reloadIfChanged(): void {
    const names = this.fileNames();
    if (names === this.names) return;
    this.names = names;
    try {
      this.keys = loadKeys(this.config);
      this.logger.log({
        msg: 'The key ring was read anew',
        keys: this.keys.map(({ kid, state }) => `${state} ${kid}`),
      });
    } catch (error) {
      this.logger.error({ msg: 'The key ring has a fault; the one before stays in use', err: error });
    }
  }

  private fileNames(): string {
    return keyFiles(this.config.JWT_KEYS_DIR).toSorted().join();
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
