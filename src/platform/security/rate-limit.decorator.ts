import { SetMetadata } from '@nestjs/common';

/** Named limits; their figures are in rate-limiter.service.ts. */
export type RateLimitName = 'default' | 'sign-in' | 'mail' | 'webhook';

export const RATE_LIMIT = 'rate-limit';

/** Counts this route's requests by another limit than the default one. */
export const RateLimit = (name: RateLimitName) => SetMetadata(RATE_LIMIT, name);
