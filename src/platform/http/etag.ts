import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PreconditionFailedError } from '../errors/platform.errors.ts';
import { localize } from '../i18n/locales.ts';
import { platformTexts } from '../i18n/platform.texts.ts';

/** Sends the version of a resource as a strong validator (RFC 9110, section 8.8.3). */
export function setEtag(reply: FastifyReply, version: number): void {
  void reply.header('etag', `"${version}"`);
}

/**
 * The version in If-Match, for routes with `versioned: true`. Undefined without the header: the client then overwrites
 * changes that it has not read.
 */
export const ExpectedVersion = createParamDecorator((_data: undefined, context: ExecutionContext) =>
  expectedVersion(context.switchToHttp().getRequest<FastifyRequest>().headers['if-match']),
);

/** The caller has locked the row, so that its version can't change after this check. */
export function assertVersion(current: { version: number }, expected: number | undefined): void {
  if (expected !== undefined && expected !== current.version) throw new PreconditionFailedError();
}

const MATCHES_NOTHING = -1;

/**
 * The version in If-Match, or undefined if every version matches. Weak tags (`W/"1"`) match too, because a proxy that
 * compresses makes our tags weak. A list may contain one version and foreign tags.
 */
export function expectedVersion(ifMatch: string | undefined): number | undefined {
  const tags = ifMatch?.split(',').map((tag) => tag.trim()) ?? ['*'];
  if (tags.includes('*')) return undefined;
  const versions = new Set(tags.map(versionOf).filter((version) => version !== undefined));
  if (versions.size > 1) {
    throw new PreconditionFailedError({ detail: localize(platformTexts, (texts) => texts.severalVersions) });
  }
  return [...versions][0] ?? MATCHES_NOTHING;
}

function versionOf(tag: string): number | undefined {
  const [, version] = /^(?:W\/)?"(\d{1,9})"$/.exec(tag) ?? [];
  return version === undefined ? undefined : Number(version);
}
