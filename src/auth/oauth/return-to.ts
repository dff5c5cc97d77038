import { ReturnToNotAllowedError } from './oauth.errors.ts';

/** An absolute URL without blanks, control characters or backslashes, which browsers parse differently. */
const PLAIN_URL = /^https?:\/\/[^\s\\\p{Cc}]+$/iu;

/**
 * Returns the normalized URL, or throws RETURN_TO_NOT_ALLOWED. Compares origins, because a URL that only starts like an
 * allowed one may lead to another site (RFC 9700, section 4.11).
 */
export function allowedReturnTo(given: string, origins: readonly string[]): string {
  const url = PLAIN_URL.test(given) ? URL.parse(given) : null;
  const isAllowed = url && url.username === '' && url.password === '' && origins.includes(url.origin);
  if (!isAllowed) throw new ReturnToNotAllowedError();
  return url.href;
}

/** Adds the outcome to the URL and removes the outcome of an earlier sign-in. */
export function returnWith(returnTo: string, name: 'code' | 'error' | 'linked', value: string): string {
  const url = new URL(returnTo);
  for (const earlier of ['code', 'error', 'linked']) url.searchParams.delete(earlier);
  url.searchParams.set(name, value);
  return url.href;
}
