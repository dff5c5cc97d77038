import {
  Injectable,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Config, ConfigError } from '../../platform/config/config.ts';
import {
  createDevelopmentKey,
  isDevelopmentKey,
  KEY_FILE,
  type KeyState,
  listKeyFiles,
  thumbprint,
} from './key-files.ts';

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

/** Interval of the check for changed key files. */
const RELOAD_MS = 2_000;

/**
 * The RSA keys of access tokens. One signs and all verify, so a rotation signs out no user. Keys are parsed only at the
 * start and when a file of the folder has changed, because parsing a PEM costs more than verifying a token.
 */
@Injectable()
export class KeyRing implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('KeyRing');
  private keys: RingKey[];
  /** Digest of the files that `keys` was loaded from. */
  private loadedDigest: string;
  /** Digest of files that could not be loaded, so that the error is logged once. */
  private rejectedDigest?: string;
  private timer?: NodeJS.Timeout;
  private readonly reloadListeners: (() => void)[] = [];

  constructor(private readonly config: Config) {
    this.loadedDigest = digestOfFolder(config.JWT_KEYS_DIR);
    this.keys = loadKeys(config);
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

  /** Called after the keys have changed: a removed key verifies no token any more. */
  onReload(listener: () => void): void {
    this.reloadListeners.push(listener);
  }

  onApplicationBootstrap(): void {
    if (this.config.JWT_KEYS) return;
    this.timer = setInterval(() => this.reloadIfChanged(), RELOAD_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * Loads the folder again when a name or content has changed. When the folder has a fault, for example a file that is
   * still being written, the loaded keys stay in use and the next check tries again.
   */
  reloadIfChanged(): void {
    // Taken before loading: a file that changes during the load differs from this digest at the next check.
    const digest = digestOfFolder(this.config.JWT_KEYS_DIR);
    if (digest === this.loadedDigest) return;
    try {
      this.keys = loadKeys(this.config);
      this.loadedDigest = digest;
      for (const listener of this.reloadListeners) listener();
      const keys = this.keys.map(({ kid, state }) => `${state} ${kid}`);
      this.logger.log({ msg: 'Signing keys reloaded', keys });
    } catch (error) {
      if (digest === this.rejectedDigest) return;
      this.rejectedDigest = digest;
      this.logger.error({ msg: 'Signing keys not reloaded: the loaded keys stay in use', err: error });
    }
  }
}

/** Changes whenever a key file is added, removed, renamed or written. */
function digestOfFolder(folder: string): string {
  const hash = createHash('sha256');
  for (const name of listKeyFiles(folder).toSorted()) {
    hash.update(`${name}\n`).update(readIfPresent(join(folder, name)));
  }
  return hash.digest('base64url');
}

function readIfPresent(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    // Renamed or removed after the folder was listed.
    return Buffer.alloc(0);
  }
}

/** Throws a ConfigError that lists every fault of the key ring, and never shows a part of a key. */
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
    faults.push('JWT_KEYS: must be a JSON object that maps file names to PEM texts');
    return [];
  }
}

function keysFromFolder(config: Config, faults: string[]): NamedPem[] {
  const folder = config.JWT_KEYS_DIR;
  if (config.NODE_ENV !== 'production') createDevelopmentKey(folder);
  return listKeyFiles(folder).flatMap((name): NamedPem[] => {
    const path = join(folder, name);
    if (statSync(path).mode & WORLD_READABLE) {
      faults.push(`JWT_KEYS_DIR: ${name} can be read by everyone; run chmod 600 on it`);
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

/** The signing keys of access tokens. Only the API needs them. */
@Module({ providers: [KeyRing], exports: [KeyRing] })
export class KeysModule {}
