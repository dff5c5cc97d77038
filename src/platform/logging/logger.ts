import { trace } from '@opentelemetry/api';
import { hostname } from 'node:os';
import { types } from 'node:util';
import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { product } from '../config/product.ts';
import { currentContext, type RequestContext, spanContextFrom } from './request-context.ts';
import { onDroppedLines, standardOutput } from './standard-output.ts';

/** Values of these keys are never logged. */
const SECRET_KEYS = new Set([
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
]);
/** Secret keys are found in this many levels of a line. Deeper values are not logged. */
const LEVELS = 4;
const MASK = '***';

type Fields = Record<string, unknown>;

/**
 * Masks the values of secret keys. Returns the same object if there are none. pino's own `redact` costs several times
 * as much for each line, because it looks for each key at each level.
 */
function maskSecrets(fields: Fields, level = 1): Fields {
  let masked: Fields | undefined;
  for (const [key, value] of Object.entries(fields)) {
    // `serializers.err` handles this one, also if it is no Error.
    if (level === 1 && key === 'err') continue;
    const safe = isSecret(key, level) ? MASK : maskValue(value, level);
    if (safe === value) continue;
    masked ??= Array.isArray(fields) ? (Object.assign([], fields) as never) : { ...fields };
    masked[key] = safe;
  }
  return masked ?? fields;
}

/** Error codes of drivers, jobs and problem documents are no secrets. They are in the first two levels. */
const isSecret = (key: string, level: number): boolean =>
  SECRET_KEYS.has(key) && !(key === 'code' && level <= 2);

function maskValue(value: unknown, level: number): unknown {
  if (types.isNativeError(value)) return errorSerializer(value);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return level === LEVELS ? MASK : maskSecrets(value as Fields, level + 1);
}

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
  const { correlationId, userId, sessionId, jobId } = context ?? {};
  return { correlationId, ...traceFields(context), userId, sid: sessionId, jobId };
}

/** The names that OpenTelemetry gives to these fields. Without tracing, only the trace of the caller is known. */
function traceFields(context?: RequestContext): object {
  const span = (trace.getActiveSpan() ?? context?.span)?.spanContext();
  if (span) return { trace_id: span.traceId, span_id: span.spanId };
  return context?.traceparent ? { trace_id: spanContextFrom(context.traceparent)?.traceId } : {};
}

/** Writes to stdout, unless a stream is given. */
export function createLogger(level: string, stream?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: { pid: process.pid, instance: hostname(), version: product.version },
    messageKey: 'msg',
    timestamp: stdTimeFunctions.epochTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: maskSecrets,
    },
    serializers: { err: (error: unknown) => errorSerializer(error) },
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
  const logger = pino(options, stream ?? standardOutput());
  if (!stream) {
    onDroppedLines((lines) => logger.warn({ lines }, 'Log lines were dropped, because nothing read stdout'));
  }
  const child: unknown = Reflect.get(logger, 'child');
  // The fields of a child logger don't go through `formatters.log`. Its own children inherit this method.
  logger.child = function childWithoutSecrets(this: Logger, fields, ...rest) {
    return (child as Logger['child']).call(this, maskSecrets(fields), ...rest) as never;
  };
  return logger;
}
