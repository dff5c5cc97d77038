import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { keyFiles, thumbprint } from './key-files.ts';

/** Text before the first line of a PEM is skipped by every reader; production looks for this one. */
const MARK = 'Made for development: production refuses this key.\n';
const STALE_LOCK_MS = 30_000;
const PAUSE_MS = 50;

export const isDevelopmentKey = (pem: string): boolean => pem.startsWith(MARK);

/** Makes the ring of this clone on first use. Several processes may start at once: one makes it, the others wait. */
export function makeDevelopmentKey(folder: string): void {
  if (keyFiles(folder).length > 0) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = join(folder, '.making');
  while (!take(lock)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    if (keyFiles(folder).length > 0) return;
  }
  try {
    if (keyFiles(folder).length === 0) writeKey(folder);
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx'));
    return true;
  } catch {
    // A process that died while making the key left it behind.
    if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS)
      rmSync(lock, { force: true });
    return false;
  }
}

function writeKey(folder: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const kid = thumbprint(createPublicKey(privateKey).export({ format: 'jwk' }));
  const draft = join(folder, '.draft');
  writeFileSync(draft, MARK + privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    mode: 0o600,
  });
  renameSync(draft, join(folder, `active-${kid}.pem`));
}
