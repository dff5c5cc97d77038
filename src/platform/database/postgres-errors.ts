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

/** The name of the unique constraint that refused the row, where that is what happened. */
export function violatedUniqueConstraint(error: unknown): string | undefined {
  const driver = driverError(error);
  return driver?.code === '23505' ? driver.constraint : undefined;
}

/** Class 23: a constraint refused the row. Services map the ones they expect by name; the rest is a conflict. */
export const isIntegrityViolation = (error: unknown): boolean =>
  driverError(error)?.code?.startsWith('23') ?? false;

// 08 connection, 53 out of resources, 55P03 lock not available, 57 operator intervention and statement timeout,
// 58 system error, 40 deadlock or serialization failure (PostgreSQL manual, appendix A).
const UNAVAILABLE = /^(08|53|57|58|40|55P03|25P03)/;
const CONNECTION_LOST = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
// What pg says without a code when the socket closes under a statement or the pool has no free client.
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Cannot use a pool after calling end|connection is not established/i;

/** What TypeORM says of the next statement of a transaction whose connection was lost between two. */
const isReleased = (error: Error): boolean =>
  error instanceof QueryRunnerAlreadyReleasedError ||
  error instanceof QueryRunnerProviderAlreadyReleasedError;

/** The statement, or its wait for a lock, took longer than it may: it may well do so again. */
export const isStatementTimeout = (error: unknown): boolean =>
  ['57014', '55P03'].includes(driverError(error)?.code ?? '');

/** True where the same request may well succeed in a moment, so that 503 is the honest answer. */
export function isDatabaseUnavailable(error: unknown): boolean {
  // Not `instanceof`: the errors of a socket may come from another realm, as they do in Jest.
  if (!types.isNativeError(error)) return false;
  const code = driverError(error)?.code ?? (error as NodeJS.ErrnoException).code;
  if (code !== undefined && (UNAVAILABLE.test(code) || CONNECTION_LOST.has(code))) return true;
  return isReleased(error) || CONNECTION_MESSAGES.test(error.message);
}
