import { RecentSignInRequiredError } from '../errors/platform.errors.ts';
import type { Permission } from './permissions.ts';

/** The caller, from the access token. */
export interface Principal {
  userId: string;
  sessionId: string;
  role: string;
  /** Those of the role: `caller.permissions.has(usersRead)`. */
  permissions: ReadonlySet<Permission>;
  /** The time of the sign-in. */
  authenticatedAt: Date;
  /** The expiry of the access token. Streams close at this time. */
  expiresAt: Date;
}

const RECENT_MS = 10 * 60_000;

/** Rejects callers who signed in more than ten minutes ago, so that a stolen token is not enough (OWASP ASVS 5.0, 7.5.1). */
export function requireRecentSignIn({ authenticatedAt }: Pick<Principal, 'authenticatedAt'>): void {
  if (Date.now() - authenticatedAt.getTime() > RECENT_MS) throw new RecentSignInRequiredError();
}

/** Verifies access tokens that don't arrive in the header of a request, such as those of WebSockets. */
export abstract class TokenVerifier {
  /** Takes the value of an Authorization header. Throws UNAUTHENTICATED, or UNAVAILABLE when sessions can't be checked. */
  abstract verify(authorization: string | undefined): Promise<Principal>;
}
