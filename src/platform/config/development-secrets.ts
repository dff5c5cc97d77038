import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A part of each development secret, by which production recognizes and rejects it. */
const DEVELOPMENT_MARK = Buffer.from('development-only');

export function isDevelopmentSecret(base64: string): boolean {
  return Buffer.from(base64, 'base64').includes(DEVELOPMENT_MARK);
}

/** The secret of this clone, outside git. Created on first use, in the folder of the development keys. */
export function developmentSecretKeys(keysDir: string): string[] {
  const path = join(keysDir, 'secret-keys.txt');
  try {
    return [readFileSync(path, 'utf8').trim()];
  } catch {
    // Parent folders get the default mode: they also contain the database, which another user may run.
    mkdirSync(dirname(keysDir), { recursive: true });
    mkdirSync(keysDir, { recursive: true, mode: 0o700 });
    const secret = Buffer.concat([DEVELOPMENT_MARK, randomBytes(32 - DEVELOPMENT_MARK.length)]);
    writeOnce(path, secret.toString('base64'));
    return [readFileSync(path, 'utf8').trim()];
  }
}

/** Several processes may start at the same time. The first one creates the link, and all use its file. */
function writeOnce(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
