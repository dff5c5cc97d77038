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

/** Requests a minute, by user where one is signed in, else by source address; times RATE_LIMIT_FACTOR. */
const LIMITS: Record<RateLimitName, { points: number; by: 'caller' | 'address' }> = {
  default: { points: 300, by: 'caller' },
  'sign-in': { points: 60, by: 'address' },
  mail: { points: 10, by: 'address' },
  // Senders repeat what was refused, and send in bursts.
  webhook: { points: 3_000, by: 'address' },
};

/** Counts across all instances, in Redis or in Postgres; when that is away each instance counts for itself. */
@Injectable()
export class RateLimiter {
  private readonly limiters = new Map<string, RateLimiterAbstract>();

  constructor(config: Config, db: DataSource, redis: RedisConnections) {
    for (const [name, { points }] of Object.entries(LIMITS)) {
      const options = {
        keyPrefix: name,
        // The factor may be a fraction, the points are whole.
        points: Math.max(1, Math.round(points * config.RATE_LIMIT_FACTOR)),
        duration: WINDOW_SECONDS,
      };
      const insuranceLimiter = new RateLimiterMemory(options);
      // A blocked caller gets its responses from memory and costs the store nothing.
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

  /** Counts one request, writes what is left to the headers, and throws RATE_LIMITED when nothing is left. */
  async count(
    name: RateLimitName,
    caller: { userId?: string | undefined; ip: string },
    reply: FastifyReply,
  ): Promise<void> {
    const { by } = LIMITS[name];
    const key = by === 'caller' && caller.userId ? `user:${caller.userId}` : `ip:${network(caller.ip)}`;
    const limiter = this.limiters.get(name)!;
    try {
      describe(await limiter.consume(key), limiter, reply);
    } catch (state) {
      if (!(state instanceof RateLimiterRes)) throw state;
      describe(state, limiter, reply);
      const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
      throw new RateLimitedError({ headers: { 'retry-after': String(seconds) } });
    }
  }
}

function describe(state: RateLimiterRes, { points }: RateLimiterAbstract, reply: FastifyReply): void {
  void reply
    .header('ratelimit-limit', String(points))
    .header('ratelimit-remaining', String(Math.max(0, state.remainingPoints)))
    .header('ratelimit-reset', String(Math.ceil(state.msBeforeNext / 1_000)));
}

/** The key that an IP address is counted by: an IPv4 address, or the /64 of IPv6 that one customer usually has. */
export function network(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
