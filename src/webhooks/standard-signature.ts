import { createHmac, timingSafeEqual } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

export interface SignedMessage {
  id: string;
  /** Seconds since 1970. */
  timestamp: number | string;
  body: string | Buffer;
}

export const secretFrom = (bytes: Buffer): string => `${SECRET_PREFIX}${bytes.toString('base64')}`;

/** One signature. The header `webhook-signature` may contain several, separated by spaces (Standard Webhooks 1.0). */
export function signatureOf(message: SignedMessage, secret: string): string {
  return `v1,${mac(message, secret).toString('base64')}`;
}

/** Whether one of the signatures was made with one of the secrets. Ignores signatures of other versions. */
export function isSigned(message: SignedMessage, header: string, secrets: readonly string[]): boolean {
  const given = header
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'));
  return secrets
    .map((secret) => mac(message, secret))
    .some((expected) =>
      given.some((bytes) => bytes.length === expected.length && timingSafeEqual(bytes, expected)),
    );
}

function mac({ id, timestamp, body }: SignedMessage, secret: string): Buffer {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
