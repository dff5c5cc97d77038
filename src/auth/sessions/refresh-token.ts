import type { MacService } from '../../platform/security/mac.service.ts';

/** What a refresh token says: which session, and how often it was rotated before this token was made. */
export interface RefreshTokenContent {
  sessionId: string;
  counter: number;
}

const ID_BYTES = 16;
const COUNTER_BYTES = 4;
const MAC_BYTES = 32;
const TOKEN_BYTES = ID_BYTES + COUNTER_BYTES + MAC_BYTES;

/**
 * Derived, not drawn: the same session and counter always give the same token, so a client that lost the answer to a
 * refresh can be given it again, and nothing has to be stored. It takes our secret and the session's salt to make one,
 * so neither the database alone nor the secret alone is enough (docs/decisions/0004).
 */
export function makeRefreshToken(
  { sessionId, counter }: RefreshTokenContent,
  salt: Buffer,
  macs: MacService,
): string {
  const content = encode(sessionId, counter);
  return Buffer.concat([content, Buffer.from(macs.sign(purpose(salt), content), 'base64url')]).toString(
    'base64url',
  );
}

/** Reads a token without trusting it; null for what can't be one. */
export function readRefreshToken(token: string): RefreshTokenContent | null {
  const bytes = Buffer.from(token, 'base64url');
  // Decoding skips what is not base64url: only the one spelling of a token is taken.
  if (bytes.length !== TOKEN_BYTES || bytes.toString('base64url') !== token) return null;
  const hex = bytes.subarray(0, ID_BYTES).toString('hex');
  return {
    sessionId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    counter: bytes.readUInt32BE(ID_BYTES),
  };
}

/** Whether we made this token for the session with this salt; in constant time. */
export function isAuthentic(token: string, salt: Buffer, macs: MacService): boolean {
  const bytes = Buffer.from(token, 'base64url');
  const content = bytes.subarray(0, ID_BYTES + COUNTER_BYTES);
  return macs.verify(purpose(salt), content, bytes.subarray(ID_BYTES + COUNTER_BYTES).toString('base64url'));
}

function encode(sessionId: string, counter: number): Buffer {
  const bytes = Buffer.alloc(ID_BYTES + COUNTER_BYTES);
  bytes.write(sessionId.replaceAll('-', ''), 'hex');
  bytes.writeUInt32BE(counter, ID_BYTES);
  return bytes;
}

const purpose = (salt: Buffer) => `refresh-token:${salt.toString('base64')}`;
