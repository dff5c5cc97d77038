import { SetMetadata } from '@nestjs/common';

/** The limits are defined in rate-limiter.service.ts. */
export type RateLimitName = 'default' | 'sign-in' | 'mail' | 'webhook';

export const RATE_LIMIT = 'rate-limit';

/** Counts the requests of this route in another limit than `default`. */
export const RateLimit = (name: RateLimitName) => SetMetadata(RATE_LIMIT, name);

/** Routes for machines (probes, token verifiers) and static files. All other routes are limited. */
const EXEMPT_ROUTES = ['/', '/health/live', '/health/ready', '/.well-known/jwks.json', '/openapi.json'];
/** Static pages that the links in emails open. */
const EXEMPT_PAGES = ['/verify-email', '/reset-password', '/confirm-email-change'];
const EXEMPT_FOLDERS = ['/docs', '/reference-client', '/admin/queues'];

export function isExemptFromRateLimits(url: string): boolean {
  const [path = ''] = url.split('?');
  return (
    [...EXEMPT_ROUTES, ...EXEMPT_PAGES].includes(path) ||
    EXEMPT_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`))
  );
}
