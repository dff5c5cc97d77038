import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { UnavailableError } from '../errors/platform.errors.ts';
import { PROBLEM_MEDIA_TYPE, problemBody } from '../errors/problem-body.ts';
import type { Readiness } from '../health/health.service.ts';
import { negotiateLocale } from '../i18n/locales.ts';

const RETRY_AFTER_SECONDS = 2;

/**
 * Serves the port while the program waits for its database: alive, not ready, 503 with Retry-After to other requests.
 * Resolves when it listens.
 */
export async function startPlaceholderServer(
  config: Config,
  address: { port: number; host?: string },
): Promise<Server> {
  const server = createServer((request, response) => respond(request, response, config));
  const { promise, resolve } = Promise.withResolvers<void>();
  // Ignore EADDRINUSE here: the program reports it when it listens on the port.
  server.on('error', () => resolve()).listen(address, resolve);
  await promise;
  return server;
}

function respond(request: IncomingMessage, response: ServerResponse, config: Config): void {
  const { url = '/', headers } = request;
  response.setHeader('connection', 'close');
  response.setHeader('cache-control', 'no-store');
  if (url === '/health/live')
    return send(response, 200, JSON.stringify({ status: 'ok', version: product.version }));
  if (url === '/health/ready') return send(response, 503, JSON.stringify(notReady(config)));
  const correlationId = randomUUID();
  response.setHeader('retry-after', RETRY_AFTER_SECONDS);
  response.setHeader('x-correlation-id', correlationId);
  const locale = negotiateLocale(headers['accept-language'], config.DEFAULT_LOCALE);
  response.setHeader('content-language', locale);
  response.setHeader('vary', 'Accept-Language');
  const occurrence = { publicUrl: config.PUBLIC_URL, url, correlationId, locale };
  send(response, 503, problemBody(new UnavailableError(), occurrence), PROBLEM_MEDIA_TYPE);
}

const notReady = (config: Config): Readiness => ({
  status: 'unavailable',
  checks: { database: 'down', migrations: 'unknown', redis: config.REDIS_URL ? 'unknown' : 'unused' },
});

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'application/json; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
