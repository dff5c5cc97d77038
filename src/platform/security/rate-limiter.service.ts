import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { isIPv6 } from 'node:net';
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
      this.limiters.set(
        name,
        redis.counters
          ? new RateLimiterRedis({ ...options, insuranceLimiter, storeClient: redis.counters })
          : new RateLimiterPostgres({
              ...options,
              insuranceLimiter,
              storeClient: db,
              storeType: 'typeorm',
              tableName: 'rate_limits',
              tableCreated: true,
            }),
      );
    }
  }

  /** Counts one request and says in the answer's headers what is left; throws RATE_LIMITED when nothing is. */
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

/** One household has a /64 of IPv6, and could count from each of its addresses anew. */
export function network(ip: string): string {
  if (!isIPv6(ip)) return ip;
  // A URL writes an address in the one canonical way (RFC 5952), whoever wrote it how.
  const groups = new URL(`http://[${ip.split('%')[0]}]`).hostname.slice(1, -1);
  const [head = '', tail = ''] = groups.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const zeros = groups.includes('::')
    ? Array.from({ length: 8 - left.length - right.length }, () => '0')
    : [];
  const all = [...left, ...zeros, ...right];
  return isMapped(all) ? dotted(all.slice(6)) : all.slice(0, 4).join(':');
}

/** An IPv4 address, as a socket for both kinds sees it (RFC 4291, section 2.5.5.2). */
const isMapped = (groups: string[]): boolean => groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';

const dotted = (groups: string[]): string =>
  groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((value) => [value >> 8, value & 255])
    .join('.');
