import type { FastifyReply } from 'fastify';

/** The version of a resource as its strong validator (RFC 9110, section 8.8.3). */
export function setEtag(reply: FastifyReply, version: number): void {
  void reply.header('etag', `"${version}"`);
}

const MATCHES_NOTHING = -1;

/** What If-Match asks for: a version, or undefined where any will do. A tag that we never made matches nothing. */
export function expectedVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const [, version] = /^"(\d{1,9})"$/.exec(ifMatch.trim()) ?? [];
  return version === undefined ? MATCHES_NOTHING : Number(version);
}
