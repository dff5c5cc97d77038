import { createHash, type JsonWebKey } from 'node:crypto';
import { readdirSync } from 'node:fs';

export type KeyState = 'next' | 'active' | 'retiring';

export const KEY_FILE = /^(next|active|retiring)-.+\.pem$/;

/** Names of the keys in the folder; none where there is no folder. */
export function keyFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => KEY_FILE.test(name));
  } catch {
    return [];
  }
}

/** RFC 7638, section 3: the required members in alphabetical order, without blanks. */
export function thumbprint({ kty, n, e }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}
