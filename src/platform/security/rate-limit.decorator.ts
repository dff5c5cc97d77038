import { SetMetadata } from '@nestjs/common';

/** The limits are defined in rate-limiter.service.ts. */
export type RateLimitName = 'default' | 'sign-in' | 'mail' | 'webhook';

export const RATE_LIMIT = 'rate-limit';

/** Counts the requests of this route against another limit than `default`. */
export const RateLimit = (name: RateLimitName) => SetMetadata(RATE_LIMIT, name);

/** Routes for machines (probes, token verifiers), static files, and the pages that the links in emails open. */
const EXEMPT_PATHS = new Set([
  '/',
  '/health/live',
  '/health/ready',
  '/.well-known/jwks.json',
  '/openapi.json',
  '/verify-email',
  '/reset-password',
  '/confirm-email-change',
]);
const EXEMPT_FOLDERS = ['/docs', '/reference-client', '/admin/queues'];

export function isExemptFromRateLimits(url: string): boolean {
  const [path = ''] = url.split('?', 1);
  return (
    EXEMPT_PATHS.has(path) ||
    EXEMPT_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`))
  );
}
