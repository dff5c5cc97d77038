import { createHash, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export type KeyState = 'next' | 'active' | 'retiring';

export const KEY_FILE = /^(next|active|retiring)-.+\.pem$/;

/** PEM readers skip text before the first line. Production rejects keys that start with this text. */
const DEVELOPMENT_MARK = 'Created for development: production rejects this key.\n';
const STALE_LOCK_MS = 30_000;
const LOCK_RETRY_MS = 50;

/** Lists the names of the key files. Empty if the folder does not exist. */
export function listKeyFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => KEY_FILE.test(name));
  } catch {
    return [];
  }
}

/** RFC 7638, section 3: the required members in alphabetical order, without spaces. */
export function thumbprint({ kty, n, e }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}

export const isDevelopmentKey = (pem: string): boolean => pem.startsWith(DEVELOPMENT_MARK);

/** Creates the first key of the folder. If several processes start at once, one creates it and the others wait. */
export function createDevelopmentKey(folder: string): void {
  if (listKeyFiles(folder).length > 0) return;
  // Parent folders get the default mode, because other users may need the other folders in them.
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = join(folder, '.lock');
  while (!acquireLock(lock)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_RETRY_MS);
    if (listKeyFiles(folder).length > 0) return;
  }
  try {
    if (listKeyFiles(folder).length === 0) writeKey(folder);
  } finally {
    rmSync(lock, { force: true });
  }
}

function acquireLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx'));
    return true;
  } catch {
    // A process that was killed left its lock behind.
    if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS)
      rmSync(lock, { force: true });
    return false;
  }
}

function writeKey(folder: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const kid = thumbprint(createPublicKey(privateKey).export({ format: 'jwk' }));
  const draft = join(folder, '.draft');
  writeFileSync(draft, DEVELOPMENT_MARK + privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    mode: 0o600,
  });
  renameSync(draft, join(folder, `active-${kid}.pem`));
}
