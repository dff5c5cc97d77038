import type { MacService } from '../../platform/security/mac.service.ts';

/** The content of a refresh token: the session, and the number of rotations before this token. */
export interface RefreshTokenContent {
  sessionId: string;
  counter: number;
}

const ID_BYTES = 16;
const COUNTER_BYTES = 4;
const MAC_BYTES = 32;
const TOKEN_BYTES = ID_BYTES + COUNTER_BYTES + MAC_BYTES;

/**
 * Derived, not random: the same session and counter always give the same token. A client that lost a response gets the
 * same token again, and no token is stored. A token needs both the server's secret and the session's salt, so the
 * database alone or the secret alone is not enough (docs/decisions/0004).
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

/** Parses a token without verifying it. Null if the format is invalid. */
export function readRefreshToken(token: string): RefreshTokenContent | null {
  const bytes = Buffer.from(token, 'base64url');
  // Decoding ignores invalid characters, so accept only the canonical encoding.
  if (bytes.length !== TOKEN_BYTES || bytes.toString('base64url') !== token) return null;
  const hex = bytes.subarray(0, ID_BYTES).toString('hex');
  return {
    sessionId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    counter: bytes.readUInt32BE(ID_BYTES),
  };
}

/** Whether the token was issued for the session with this salt. Runs in constant time. */
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
