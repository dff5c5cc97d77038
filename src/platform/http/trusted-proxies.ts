import proxyAddr from '@fastify/proxy-addr';
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';

type TrustProxy = false | string[] | ((address: string, hop: number) => boolean);

/**
 * TRUST_PROXY for Fastify. Since 5.12.1, Fastify ignores a plain number, because a client that bypasses the proxies could
 * claim any IP address. With a number, the operator guarantees that no client can bypass them. The connection is hop 0,
 * the last entry of X-Forwarded-For is hop 1.
 */
export function trustedProxies(setting: Config['TRUST_PROXY']): TrustProxy {
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return setting ?? false;
}

/** Keeps only IP addresses without ports in X-Forwarded-For. Runs before anything reads `request.ip`. */
export function cleanForwardedFor(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    cleanHeader(request.raw);
    done();
  });
}

/** The value of `request.ip` for a request that Fastify doesn't handle, such as the start of a WebSocket. */
export function clientIp(request: IncomingMessage, setting: Config['TRUST_PROXY']): string {
  cleanHeader(request);
  const trusted = trustedProxies(setting);
  if (!trusted) return request.socket.remoteAddress ?? '';
  return proxyAddr(request, trusted);
}

function cleanHeader({ headers }: IncomingMessage): void {
  const header = headers['x-forwarded-for'];
  if (header !== undefined) headers['x-forwarded-for'] = validAddresses(String(header));
}

/** Starts at the nearest proxy. Entries before an invalid entry can't be trusted either. */
function validAddresses(header: string): string {
  const entries = header.split(',').map((entry) => addressOf(entry.trim()));
  return entries.slice(entries.lastIndexOf(undefined) + 1).join(', ');
}

/** Removes the port from `203.0.113.7:4711` and `[2001:db8::1]:4711`. */
function addressOf(entry: string): string | undefined {
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  const address = bracketed ?? dotted ?? entry;
  return isIP(address) === 0 ? undefined : address;
}
