import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import ipaddr from 'ipaddr.js';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.ts';
import { RateLimitedError } from '../errors/platform.errors.ts';
import { RedisConnections } from '../redis/redis-connections.ts';
import type { RateLimitName } from './rate-limit.decorator.ts';

const WINDOW_SECONDS = 60;

/** Requests per minute, multiplied by RATE_LIMIT_FACTOR. `caller` is the signed-in user, or else the IP address. */
const LIMITS: Record<RateLimitName, { points: number; by: 'caller' | 'ip' }> = {
  default: { points: 300, by: 'caller' },
  'sign-in': { points: 60, by: 'ip' },
  mail: { points: 10, by: 'ip' },
  // Senders send in bursts, and repeat rejected requests.
  webhook: { points: 3_000, by: 'ip' },
};

/** Counts across all instances, in Redis or Postgres. During an outage of it, each instance counts alone. */
@Injectable()
export class RateLimiter {
  private readonly limiters = new Map<string, RateLimiterAbstract>();

  constructor(config: Config, db: DataSource, redis: RedisConnections) {
    for (const [name, { points }] of Object.entries(LIMITS)) {
      const options = {
        keyPrefix: name,
        points: Math.max(1, Math.round(points * config.RATE_LIMIT_FACTOR)),
        duration: WINDOW_SECONDS,
      };
      const insuranceLimiter = new RateLimiterMemory(options);
      // A blocked caller is rejected from memory, without a request to the store.
      const shared = { ...options, insuranceLimiter, inMemoryBlockOnConsumed: options.points };
      this.limiters.set(
        name,
        redis.counters
          ? new RateLimiterRedis({ ...shared, storeClient: redis.counters })
          : new RateLimiterPostgres({
              ...shared,
              storeClient: db,
              storeType: 'typeorm',
              tableName: 'rate_limits',
              tableCreated: true,
            }),
      );
    }
  }

  /** Counts one request, sets the RateLimit headers, and throws RATE_LIMITED above the limit. */
  async count(
    name: RateLimitName,
    caller: { userId?: string | undefined; ip: string },
    reply?: FastifyReply,
  ): Promise<void> {
    const { by } = LIMITS[name];
    const key = by === 'caller' && caller.userId ? `user:${caller.userId}` : `ip:${networkOf(caller.ip)}`;
    const limiter = this.limiters.get(name)!;
    try {
      const state = await limiter.consume(key);
      if (reply) setHeaders(state, limiter, reply);
    } catch (state) {
      if (!(state instanceof RateLimiterRes)) throw state;
      if (reply) setHeaders(state, limiter, reply);
      const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
      throw new RateLimitedError({ headers: { 'retry-after': String(seconds) } });
    }
  }
}

/** draft-ietf-httpapi-ratelimit-headers-11: quota and window in seconds; remaining requests and seconds until more. */
function setHeaders(
  { remainingPoints, msBeforeNext }: RateLimiterRes,
  { keyPrefix: name, points, duration }: RateLimiterAbstract,
  reply: FastifyReply,
): void {
  const seconds = Math.ceil(msBeforeNext / 1_000);
  void reply
    .header('ratelimit-policy', `"${name}";q=${points};w=${duration}`)
    .header('ratelimit', `"${name}";r=${Math.max(0, remainingPoints)};t=${seconds}`);
}

/** An IPv4 address, or the /64 network of an IPv6 address, which one customer usually has. */
export function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
