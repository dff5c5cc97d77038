import type { Principal } from './principal.ts';

/** Verifies access tokens that don't arrive in the header of a request, such as those of WebSockets. */
export abstract class TokenVerifier {
  /** Takes the value of an Authorization header. Throws UNAUTHENTICATED, or UNAVAILABLE when sessions can't be checked. */
  abstract verify(authorization: string | undefined): Promise<Principal>;
}
