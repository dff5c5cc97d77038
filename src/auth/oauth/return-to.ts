import { ReturnToNotAllowedError } from './oauth.errors.ts';

/** Absolute, and nothing that browsers read in a way of their own: no blanks, controls or backslashes. */
const PLAIN_URL = /^https?:\/\/[^\s\\\p{Cc}]+$/iu;

/**
 * The address in its one spelling, or RETURN_TO_NOT_ALLOWED. Compared by origin as the URL standard parses it, since
 * what merely begins like an allowed address may lead elsewhere (RFC 9700, section 4.11).
 */
export function allowedReturnTo(given: string, origins: readonly string[]): string {
  const url = PLAIN_URL.test(given) ? URL.parse(given) : null;
  const isAllowed = url && url.username === '' && url.password === '' && origins.includes(url.origin);
  if (!isAllowed) throw new ReturnToNotAllowedError();
  return url.href;
}

/** The address with what became of the sign-in, in place of what an earlier one may have left there. */
export function returnWith(returnTo: string, name: 'code' | 'error' | 'linked', value: string): string {
  const url = new URL(returnTo);
  for (const earlier of ['code', 'error', 'linked']) url.searchParams.delete(earlier);
  url.searchParams.set(name, value);
  return url.href;
}
