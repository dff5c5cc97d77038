import { FastifyAdapter } from '@nestjs/platform-fastify';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import { ErrorForms } from '../errors/error-forms.ts';
import { MalformedRequestError, UriTooLongError } from '../errors/platform.errors.ts';
import { negotiateLocale } from '../i18n/locales.ts';
import { correlationIdFrom } from '../logging/request-context.ts';
import { addDeprecationHeaders } from '../openapi/deprecation.ts';
import { serializeResponses } from '../security/response-serializer.ts';
import { jsonBodyMaxBytes, limitBodyMemory } from './body-budget.ts';
import { addBodyParsers } from './body-parsers.ts';
import { rejectOnSocket, trackResponses } from './broken-http.ts';
import { closeConnectionsAtShutdown } from './closing-connections.ts';
import { setContentLanguage } from './content-language.ts';
import { addRequestHooks } from './request-hooks.ts';
import { bodyDeadlineMs, disconnectStalledReaders, limitBodyTime } from './slow-clients.ts';
import { cleanForwardedFor, trustedProxies } from './trusted-proxies.ts';
import { discardUnreadBodies } from './unread-bodies.ts';

const URL_MAX_BYTES = 8 * 1024;
const HEADERS_MAX_BYTES = 16 * 1024;
const PARAM_MAX_LENGTH = 200;

type SecurityHook = Parameters<FastifyAdapter['registerSecurityHook']>[0];

/** Keeps the hook that `app.useSecurityHeaders()` registers, for responses that Nest's own hook doesn't reach. */
export class HttpAdapter extends FastifyAdapter {
  /** The error forms of the application, once it exists. */
  errorForms = new ErrorForms();
  private setHeaders?: SecurityHook;

  override registerSecurityHook(hook: SecurityHook): void {
    this.setHeaders = hook;
    super.registerSecurityHook(hook);
  }

  setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
    this.setHeaders?.(request, reply.raw);
  }
}

/** Fastify with the limits of a server that anonymous callers can reach. */
export function createHttpAdapter(config: Config): HttpAdapter {
  const adapter = new HttpAdapter({
    // Guards instead of middleware: an encoded path may bypass the path pattern of a middleware.
    skipMiddie: true,
    trustProxy: trustedProxies(config.TRUST_PROXY),
    bodyLimit: jsonBodyMaxBytes(config),
    // For the largest upload over a slow connection. slow-clients.ts limits buffered bodies.
    requestTimeout: 600_000,
    keepAliveTimeout: config.KEEP_ALIVE_SECONDS * 1_000,
    maxRequestsPerSocket: 1_000,
    http: { maxHeaderSize: HEADERS_MAX_BYTES, headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    routerOptions: { maxParamLength: PARAM_MAX_LENGTH, caseSensitive: true },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    genReqId: (request: IncomingMessage) => correlationIdFrom(request.headers['x-correlation-id']),
    clientErrorHandler: rejectOnSocket,
    // No hook runs when the router rejects a request, so this creates the whole response.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      adapter.setSecurityHeaders(request, reply);
      const problem = error.statusCode === 414 ? new UriTooLongError() : new MalformedRequestError();
      const locale = negotiateLocale(request.headers['accept-language'], config.DEFAULT_LOCALE);
      setContentLanguage(reply, locale);
      const format = adapter.errorForms.formatFor(request.url);
      const occurrence = {
        publicUrl: config.PUBLIC_URL,
        url: request.url,
        correlationId: request.id,
        locale,
      };
      void reply
        .code(problem.problem.status)
        .header('x-correlation-id', request.id)
        .type(format.mediaType)
        .send(format.body(problem, occurrence));
    },
  } as FastifyServerOptions);
  addHooks(adapter.getInstance(), config);
  // Only onSend hooks run for a preflight request, because Nest responds to it earlier.
  adapter.getInstance().addHook('onSend', (request, reply, payload, done) => {
    if (!reply.hasHeader('x-correlation-id')) {
      adapter.setSecurityHeaders(request, reply);
      void reply.header('x-correlation-id', request.id);
    }
    done(null, payload);
  });
  return adapter;
}

function addHooks(fastify: FastifyInstance, config: Config): void {
  trackResponses(fastify);
  disconnectStalledReaders(fastify, config.RESPONSE_STALL_SECONDS * 1_000);
  cleanForwardedFor(fastify);
  limitBodyTime(fastify, bodyDeadlineMs(config));
  closeConnectionsAtShutdown(fastify);
  limitBodyMemory(fastify, jsonBodyMaxBytes(config));
  discardUnreadBodies(fastify);
  addBodyParsers(fastify);
  addRequestHooks(fastify, config.DEFAULT_LOCALE);
  serializeResponses(fastify);
  addDeprecationHeaders(fastify);
  limitUrls(fastify);
}

function limitUrls(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (request.raw.url && request.raw.url.length > URL_MAX_BYTES) {
      done(Object.assign(new Error('URL too long'), { statusCode: 414 }));
    } else done();
  });
}
