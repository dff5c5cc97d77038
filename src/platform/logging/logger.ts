import { types } from 'node:util';
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { currentContext } from './request-context.ts';

/** Values of these keys are never logged, at the first four levels of a line. */
const SECRET_KEYS = [
  'authorization',
  'cookie',
  'password',
  'currentPassword',
  'newPassword',
  'passwordHash',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'code',
  'state',
  'salt',
  'email',
];

const redactedPaths = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]).filter(
  // Error codes of drivers (`err.code`), jobs and problem documents are no secrets.
  (path) => path !== 'code' && path !== '*.code',
);

const CAUSES_MAX = 5;

/**
 * Keeps only the fields that identify the error and its causes. Errors of libraries may contain data: those of the
 * database driver contain the values of the statement.
 */
function errorSerializer(error: unknown, depth = 0): Record<string, unknown> {
  if (!types.isNativeError(error)) return { message: scrub(String(error)) };
  const { message, stack, cause, code } = error as NodeJS.ErrnoException;
  return {
    type: error.constructor.name,
    message: scrub(message),
    stack: scrub(String(stack)),
    code,
    ...(cause !== undefined && depth < CAUSES_MAX && { cause: errorSerializer(cause, depth + 1) }),
  };
}

/** Masks credentials in URLs, bearer tokens and JWTs in a text. */
export function scrub(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]{1,500}@/gi, '$1***@')
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, '$1 ***')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '***')
    .replace(/([?&](?:token|code|state|secret|password)=)[^&\s]+/gi, '$1***');
}

/** The fields that connect the lines of one request or job. The IP address is only in the request line. */
export function contextFields(context = currentContext()): object {
  const { correlationId, traceparent, userId, sessionId, jobId } = context ?? {};
  return { correlationId, traceparent, userId, sid: sessionId, jobId };
}

export function createLogger(level: string, stream?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid },
    messageKey: 'msg',
    timestamp: stdTimeFunctions.epochTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: (error: unknown) => errorSerializer(error) },
    redact: { paths: redactedPaths, censor: '***' },
    mixin: () => contextFields(),
    hooks: {
      logMethod(args, method) {
        method.apply(
          this,
          args.map((part) => (typeof part === 'string' ? scrub(part) : part)) as typeof args,
        );
      },
    },
  };
  return stream ? pino(options, stream) : pino(options);
}
