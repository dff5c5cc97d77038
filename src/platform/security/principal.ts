import { RecentSignInRequiredError } from '../errors/platform.errors.ts';

/** Who is calling, as the access token says. */
export interface Principal {
  userId: string;
  sessionId: string;
  roles: string[];
  /** When the session began: what "recently signed in" is measured by. */
  authenticatedAt: Date;
  /** When the access token ends: what it opened must not stay open for longer. */
  expiresAt: Date;
}

const RECENT_MS = 10 * 60_000;

/** For what a stolen token must not do: refused where the session began more than ten minutes ago (OWASP ASVS 5.0, 7.5.1). */
export function requireRecentSignIn({ authenticatedAt }: Pick<Principal, 'authenticatedAt'>): void {
  if (Date.now() - authenticatedAt.getTime() > RECENT_MS) throw new RecentSignInRequiredError();
}
