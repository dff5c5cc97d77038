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
