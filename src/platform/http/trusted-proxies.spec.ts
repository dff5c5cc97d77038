import { describe, expect, it } from '@jest/globals';
import { fastify } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../config/config.ts';
import { cleanForwardedFor, clientIp, trustedProxies } from './trusted-proxies.ts';

const PROXY = '172.16.0.1';

async function addressSeen(setting: Config['TRUST_PROXY'], forwardedFor: string) {
  const server = fastify({ trustProxy: trustedProxies(setting) });
  cleanForwardedFor(server);
  server.get('/', (request) => request.ip);
  const answer = await server.inject({
    url: '/',
    remoteAddress: PROXY,
    headers: { 'x-forwarded-for': forwardedFor },
  });
  return answer.body;
}

describe('TRUST_PROXY', () => {
  it.each([
    ['nothing', undefined, PROXY],
    ['no hop', 0, PROXY],
    ['one hop', 1, '198.51.100.2'],
    ['two hops', 2, '203.0.113.9'],
    ['the range of the proxy', ['172.16.0.0/12'], '198.51.100.2'],
    ['the range of another one', ['10.0.0.0/8'], PROXY],
  ])('of %s trusts exactly these proxies', async (_name, setting, expected) => {
    const forwardedFor = '6.6.6.6, 203.0.113.9, 198.51.100.2';
    const upgrade = { headers: { 'x-forwarded-for': forwardedFor }, socket: { remoteAddress: PROXY } };

    expect(await addressSeen(setting, forwardedFor)).toBe(expected);
    expect(clientIp(upgrade as unknown as IncomingMessage, setting)).toBe(expected);
  });

  it.each([
    ['203.0.113.77:20001', '203.0.113.77'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['unknown', PROXY],
    ['6.6.6.6, unknown', PROXY],
    ['x'.repeat(3_000), PROXY],
  ])('reads the IP address if the proxy sends a valid one: %s', async (forwardedFor, expected) => {
    expect(await addressSeen(1, forwardedFor)).toBe(expected);
  });
});
