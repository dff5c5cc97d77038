import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import ipaddr from 'ipaddr.js';
import { isIPv4 } from 'node:net';
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
import { BackgroundCounter } from './background-counter.ts';
import type { RateLimitName } from './rate-limit.decorator.ts';

const WINDOW_SECONDS = 60;
/** How often the counts of the default limit are shared between instances. */
const FLUSH_MS = 250;

/** Requests per minute, multiplied by RATE_LIMIT_FACTOR. `caller` is the signed-in user, or else the IP address. */
const LIMITS: Record<RateLimitName, { points: number; by: 'caller' | 'ip' }> = {
  default: { points: 300, by: 'caller' },
  'sign-in': { points: 60, by: 'ip' },
  mail: { points: 10, by: 'ip' },
  // Senders send in bursts, and repeat rejected requests.
  webhook: { points: 3_000, by: 'ip' },
};

/**
 * Counts across all instances, in Redis or Postgres. During an outage of the store, each instance counts alone. The
 * default limit, which every request counts, is counted in memory first (docs/decisions/0031).
 */
@Injectable()
export class RateLimiter implements OnModuleInit, OnModuleDestroy {
  private readonly limiters = new Map<RateLimitName, RateLimiterAbstract>();
  private readonly defaultCounter: BackgroundCounter;
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly config: Config,
    private readonly db: DataSource,
    private readonly redis: RedisConnections,
  ) {
    for (const name of Object.keys(LIMITS) as RateLimitName[]) this.limiters.set(name, this.limiterOf(name));
    this.defaultCounter = new BackgroundCounter(this.limiters.get('default')!);
  }

  onModuleInit(): void {
    this.timers = [
      setInterval(() => void this.defaultCounter.flush(), FLUSH_MS),
      setInterval(() => this.defaultCounter.sweep(), WINDOW_SECONDS * 1_000),
    ];
    this.timers.forEach((timer) => timer.unref());
  }

  async onModuleDestroy(): Promise<void> {
    this.timers.forEach((timer) => clearInterval(timer));
    await this.defaultCounter.flush();
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
    const { isLimited, state } =
      name === 'default' ? this.defaultCounter.count(key) : await consume(limiter, key);
    if (reply) setHeaders(state, limiter, reply);
    if (!isLimited) return;
    const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
    throw new RateLimitedError({ headers: { 'retry-after': String(seconds) } });
  }

  private limiterOf(name: RateLimitName): RateLimiterAbstract {
    const points = Math.max(1, Math.round(LIMITS[name].points * this.config.RATE_LIMIT_FACTOR));
    const options = { keyPrefix: name, points, duration: WINDOW_SECONDS };
    const shared = {
      ...options,
      insuranceLimiter: new RateLimiterMemory(options),
      // A blocked caller is rejected from memory, without a request to the store. BackgroundCounter does it by itself.
      ...(name !== 'default' && { inMemoryBlockOnConsumed: points }),
    };
    if (this.redis.counters) return new RateLimiterRedis({ ...shared, storeClient: this.redis.counters });
    return new RateLimiterPostgres({
      ...shared,
      storeClient: this.db,
      storeType: 'typeorm',
      tableName: 'rate_limits',
      tableCreated: true,
    });
  }
}

/** Counts in the shared store. */
async function consume(limiter: RateLimiterAbstract, key: string) {
  try {
    return { isLimited: false, state: await limiter.consume(key) };
  } catch (state) {
    if (state instanceof RateLimiterRes) return { isLimited: true, state };
    throw state;
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
  if (isIPv4(ip) || !ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
