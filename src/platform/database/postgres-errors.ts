import { types } from 'node:util';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';

interface DriverError {
  code?: string;
  constraint?: string;
}

const driverError = (error: unknown): DriverError | undefined =>
  error instanceof QueryFailedError ? (error.driverError as DriverError) : undefined;

/** The name of the unique constraint that rejected the row, if any. */
export function violatedUniqueConstraint(error: unknown): string | undefined {
  const driver = driverError(error);
  return driver?.code === '23505' ? driver.constraint : undefined;
}

/** The name of the foreign key that rejected the row, if any. */
export function violatedForeignKey(error: unknown): string | undefined {
  const driver = driverError(error);
  return driver?.code === '23503' ? driver.constraint : undefined;
}

/** Class 23: a constraint rejected the row. Services handle the constraints that they expect by name. */
export const isIntegrityViolation = (error: unknown): boolean =>
  driverError(error)?.code?.startsWith('23') ?? false;

// PostgreSQL manual, appendix A: 08 connection, 53 out of resources, 57 operator intervention and statement timeout,
// 58 system error, 40 deadlock or serialization failure, 55P03 lock not available, 25006 read-only (a standby after a
// failover), 25P03 idle in transaction too long.
const UNAVAILABLE = /^(08|53|57|58|40|55P03|25006|25P03)/;
const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
// Errors without a code that pg throws when the socket closes during a statement or the pool has no free client.
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Cannot use a pool after calling end|connection is not established/i;

/** TypeORM throws these when a connection broke between two statements of a transaction. */
const isReleased = (error: Error): boolean =>
  error instanceof QueryRunnerAlreadyReleasedError ||
  error instanceof QueryRunnerProviderAlreadyReleasedError;

/** A statement or its wait for a lock took too long. A retry may fail in the same way. */
export const isStatementTimeout = (error: unknown): boolean =>
  ['57014', '55P03'].includes(driverError(error)?.code ?? '');

/** Postgres rolled the transaction back because of a deadlock (40P01) or a serialization failure (40001): run it again. */
export const isTransactionAborted = (error: unknown): boolean =>
  ['40P01', '40001'].includes(driverError(error)?.code ?? '');

/** A lock timeout or a deadlock: another session held a lock that this one needs. */
export const isLockContention = (error: unknown): boolean =>
  ['55P03', '40P01'].includes(driverError(error)?.code ?? '');

/** True if the same request may succeed in a moment, so the response is 503. */
export function isDatabaseUnavailable(error: unknown): boolean {
  // Not `instanceof`: errors of a socket may come from another realm, as in Jest.
  if (!types.isNativeError(error)) return false;
  const code = driverError(error)?.code ?? (error as NodeJS.ErrnoException).code;
  if (code !== undefined && (UNAVAILABLE.test(code) || CONNECTION_LOST.has(code))) return true;
  return isReleased(error) || CONNECTION_MESSAGES.test(error.message);
}
