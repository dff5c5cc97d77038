import type { Config } from '../config/config.ts';

type TrustProxy = false | string[] | ((address: string, hop: number) => boolean);

/**
 * TRUST_PROXY in Fastify's terms. A number alone Fastify takes for none (since 5.12.1), as whoever reaches the server
 * past the proxies could claim any address; whoever sets one vouches that nobody can. The address of the connection
 * itself is hop 0, the last of X-Forwarded-For hop 1.
 */
export function trustedProxies(setting: Config['TRUST_PROXY']): TrustProxy {
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return setting ?? false;
}
