import { SetMetadata } from '@nestjs/common';

/** Named limits; their numbers are in rate-limiter.service.ts. */
export type RateLimitName = 'default' | 'sign-in' | 'mail' | 'webhook';

export const RATE_LIMIT = 'rate-limit';

/** Counts the requests of this route in another limit than the default one. */
export const RateLimit = (name: RateLimitName) => SetMetadata(RATE_LIMIT, name);

/** Asked for by machines (probes, verifiers of tokens), or static files of a page. Every other route counts. */
const EXEMPT_ROUTES = ['/', '/health/live', '/health/ready', '/.well-known/jwks.json', '/openapi.json'];
const EXEMPT_FOLDERS = ['/docs', '/reference-client', '/admin/queues'];

export function isExemptFromRateLimits(url: string): boolean {
  const [path = ''] = url.split('?');
  return (
    EXEMPT_ROUTES.includes(path) ||
    EXEMPT_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`))
  );
}
