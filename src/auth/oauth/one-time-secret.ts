import { createHash, randomBytes } from 'node:crypto';

/** 256 bits: states, nonces, one-time codes. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/** As it is stored. A slow hash is for guessable secrets (OWASP ASVS 5.0, 6.5.2). */
export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();
