import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Injectable,
  Logger,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter } from 'prom-client';
import { Config } from '../config/config.ts';
import { isDatabaseUnavailable, isIntegrityViolation } from '../database/postgres-errors.ts';
import { AppError, type AppErrorClass } from '../errors/app-error.ts';
import { type ErrorFormat, ErrorForms } from '../errors/error-forms.ts';
import {
  ConflictError,
  ForbiddenError,
  InternalError,
  MalformedRequestError,
  MethodNotAllowedError,
  NotFoundError,
  PayloadTooLargeError,
  RateLimitedError,
  UnauthenticatedError,
  UnavailableError,
  UnsupportedMediaTypeError,
  UriTooLongError,
} from '../errors/platform.errors.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { isGraphql } from '../security/access.decorators.ts';
import { isExemptFromRateLimits } from '../security/rate-limit.decorator.ts';
import { RateLimiter } from '../security/rate-limiter.service.ts';
import { localeOf, setContentLanguage } from './content-language.ts';
import { RouteMethods } from './route-methods.ts';

const RETRY_AFTER_SECONDS = 5;

/** Converts the errors of Nest and Fastify, which have a status. */
const BY_STATUS: Record<number, AppErrorClass> = {
  401: UnauthenticatedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  413: PayloadTooLargeError,
  414: UriTooLongError,
  415: UnsupportedMediaTypeError,
  429: RateLimitedError,
  503: UnavailableError,
};

/** Sends every error as problem+json (RFC 9457). The client sees only the correlation id of an unexpected error. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  private readonly problems: Counter;

  constructor(
    private readonly config: Config,
    private readonly routes: RouteMethods,
    private readonly limiter: RateLimiter,
    private readonly forms: ErrorForms,
    metrics: Metrics,
  ) {
    this.problems = new Counter({
      name: 'http_problems_total',
      help: 'Error responses, by their code. The codes are listed at /problems.',
      labelNames: ['code'],
      registers: [metrics.registry],
    });
  }

  catch(exception: unknown, host: ArgumentsHost): unknown {
    // GraphQL reports errors next to data: its own formatter translates and logs them.
    if (isGraphql(host)) return exception instanceof Error ? exception : new Error(String(exception));
    this.respond(exception, host);
    return undefined;
  }

  private respond(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const isMissing = statusOf(exception) === 404 && !(exception instanceof AppError);
    const error = isMissing ? this.notFoundOrWrongMethod(request) : toAppError(exception);
    logError(error, exception);
    if (reply.raw.headersSent) {
      // The response has started, so only a closed connection can show the error to the client.
      reply.raw.destroy();
      return;
    }
    if (isAlreadyCounted(request, reply)) this.send(error, request, reply);
    else void this.count(request, reply).then((limited) => this.send(limited ?? error, request, reply));
  }

  /** Counts a request that failed before the guards, for example because of a malformed body. */
  private count(request: FastifyRequest, reply: FastifyReply): Promise<AppError | undefined> {
    return this.limiter.count('default', { ip: request.ip }, reply).then(
      () => undefined,
      (error: unknown) => (error instanceof AppError ? error : undefined),
    );
  }

  private notFoundOrWrongMethod(request: FastifyRequest): AppError {
    const methods = request.is404 ? this.routes.methodsOf(request.url) : [];
    if (methods.length === 0) return new NotFoundError();
    return new MethodNotAllowedError({ headers: { allow: methods.join(', ') } });
  }

  private formatFor({ routeOptions, url }: FastifyRequest): ErrorFormat {
    const { errorFormat } = (routeOptions.config ?? {}) as ErrorFormatConfig;
    return errorFormat ?? this.forms.formatFor(url);
  }

  private send(error: AppError, request: FastifyRequest, reply: FastifyReply): void {
    const { status, code } = error.problem;
    const { headers } = error.extras;
    this.problems.inc({ code });
    const format = this.formatFor(request);
    if (status === 401 && !headers?.['www-authenticate'] && !code.startsWith('WEBHOOK_')) {
      void reply.header('www-authenticate', challenge(request, this.config.AUTH_SCHEMES));
    }
    // The headers of the error, set below, may replace this value.
    if (status === 503) void reply.header('retry-after', String(RETRY_AFTER_SECONDS));
    // The rest of a body that is too large is not read.
    if (status === 413) void reply.header('connection', 'close');
    const locale = localeOf(request, this.config.DEFAULT_LOCALE);
    setContentLanguage(reply, locale);
    void reply
      .code(status)
      .headers(headers ?? {})
      .header('cache-control', 'no-store')
      .type(format.mediaType)
      .send(
        format.body(error, {
          publicUrl: this.config.PUBLIC_URL,
          url: request.url,
          correlationId: request.id,
          locale,
        }),
      );
  }
}

/** A route sends problem+json unless its config or its path (see ErrorForms) sets another format. */
export interface ErrorFormatConfig {
  errorFormat?: ErrorFormat;
}

const logger = new Logger('Errors');

/** The error that a client gets for an exception. An unexpected one becomes INTERNAL, without details. */
export function toAppError(exception: unknown): AppError {
  if (exception instanceof AppError) return exception;
  if (isDatabaseUnavailable(exception)) return new UnavailableError();
  if (isIntegrityViolation(exception)) {
    logger.warn({ msg: 'A constraint rejected a row, and no service handled it', err: exception });
    return new ConflictError();
  }
  const status = statusOf(exception);
  if (status === 503) return new UnavailableError();
  if (status === undefined || status >= 500) return new InternalError();
  return new (BY_STATUS[status] ?? MalformedRequestError)();
}

/** Logs errors of the server, with the cause, which the client doesn't get. */
export function logError({ problem }: AppError, exception: unknown): void {
  if (exception instanceof UnavailableError) logger.warn(problem.title);
  else if (problem.status >= 500) logger.error({ msg: problem.title, err: exception });
}

const isAlreadyCounted = (request: FastifyRequest, reply: FastifyReply): boolean =>
  isExemptFromRateLimits(request.url) || reply.hasHeader('ratelimit');

/** Names an error only if the request has a token (RFC 6750, section 3). */
function challenge(request: FastifyRequest, schemes: string[]): string {
  const bearer = request.headers.authorization ? 'Bearer error="invalid_token"' : 'Bearer';
  return [bearer, ...schemes].join(', ');
}

function statusOf(exception: unknown): number | undefined {
  if (exception instanceof HttpException) return exception.getStatus();
  const { statusCode } = (exception ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}
