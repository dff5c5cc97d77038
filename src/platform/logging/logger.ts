import {
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino';
import { currentContext } from './request-context.ts';

/** Keys whose values are never logged, at any of the first levels of what a line carries. */
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
  // `err.code` is how drivers name a failure, and a job's or a problem's `code` is public.
  (path) => path !== 'code' && path !== '*.code',
);

/** Errors of the database driver hold the values of the statement: only what names the fault is kept. */
function errorSerializer(error: Error): Record<string, unknown> {
  const { type, message, stack, code, cause } = stdSerializers.errWithCause(error) as unknown as Record<
    string,
    unknown
  >;
  return { type, message: scrub(String(message)), stack: scrub(String(stack)), code, cause };
}

/** Credentials in URLs, bearer tokens and JWTs, wherever a library put them into a message. */
export function scrub(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]{1,500}@/gi, '$1***@')
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, '$1 ***')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '***')
    .replace(/([?&](?:token|code|state|secret|password)=)[^&\s]+/gi, '$1***');
}

/** What tells the lines of one request or job from others; who the client is stands in the line of the request. */
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
    serializers: { err: errorSerializer },
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
