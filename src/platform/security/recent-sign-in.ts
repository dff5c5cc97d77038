import { RecentSignInRequiredError } from '../errors/platform.errors.ts';
import type { Principal } from './principal.ts';

const RECENT_MS = 10 * 60_000;

/** For what a stolen token must not do: refused where the session began more than ten minutes ago (OWASP ASVS 5.0, 7.5.1). */
export function requireRecentSignIn({ authenticatedAt }: Pick<Principal, 'authenticatedAt'>): void {
  if (Date.now() - authenticatedAt.getTime() > RECENT_MS) throw new RecentSignInRequiredError();
}
