const CERTIFICATE_CODES = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * SQLSTATE codes that a retry gets again: wrong user, password or pg_hba.conf entry (28), missing database (3D000),
 * missing right to connect (42501).
 */
const REJECTED = /^(28...|3D000|42501)$/;
/** PgBouncer has one code for all errors, even if Postgres is down. The errors with these messages are permanent. */
const REJECTED_BY_POOLER =
  /unsupported startup parameter|no such database|no such user|authentication failed/;

/**
 * Describes a fault that waiting doesn't fix, and the change that does, in one sentence. Undefined if Postgres may
 * accept the connection later.
 */
export function describePermanentFault(error: unknown, setting = 'DATABASE_URL'): string | undefined {
  const { code = '', message = '' } = error as Partial<NodeJS.ErrnoException>;
  if (CERTIFICATE_CODES.has(code)) {
    return `The certificate of Postgres can't be verified (${message}). Set sslrootcert in ${setting} to the file of its CA, or use sslmode=require, which encrypts without verifying.`;
  }
  if (message.includes('does not support SSL')) {
    return `Postgres offers no TLS. Enable it on the server, or use sslmode=disable in ${setting}.`;
  }
  if (code === 'ENOENT' || code === 'EACCES') {
    return `A certificate file in ${setting} can't be read: ${message}.`;
  }
  if (isRejected(code, message)) return `Postgres rejects the connection of ${setting}: ${message}.`;
  return undefined;
}

const isRejected = (code: string, message: string): boolean =>
  REJECTED.test(code) || (code === '08P01' && REJECTED_BY_POOLER.test(message));
