import { z } from 'zod';
import { list, optional } from './setting-fields.ts';

const SECRET_BYTES_MIN = 16;

const secrets = list.pipe(z.array(z.string().min(SECRET_BYTES_MIN)).min(1));

const standardSecrets = list.pipe(
  z
    .array(
      z
        .string()
        .refine(
          (secret) => /^whsec_[A-Za-z0-9+/]+=*$/.test(secret) && keyOf(secret).length >= SECRET_BYTES_MIN,
          'must be whsec_ followed by at least 16 bytes in base64',
        ),
    )
    .min(1),
);

const hostAndPort = z
  .string()
  .toLowerCase()
  .regex(/^([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/, { error: 'must be host:port', abort: true });

export const webhookSettings = {
  WEBHOOK_ALLOW_PRIVATE: optional(list.pipe(z.array(hostAndPort))).describe(
    'Private host:port pairs that webhooks may be sent to, also over http, separated by commas. Not allowed in production.',
  ),
  GITHUB_WEBHOOK_SECRET: optional(secrets).describe(
    'The secret of the webhook on GitHub. During a rotation: both secrets, separated by a comma. Empty: /v1/webhooks/github returns 404.',
  ),
  STANDARD_WEBHOOK_SECRET: optional(standardSecrets).describe(
    'The secret (whsec_…) of a Standard Webhooks sender. During a rotation: both secrets, separated by a comma. Empty: /v1/webhooks/standard returns 404.',
  ),
};

interface WebhookSettings {
  NODE_ENV: string;
  WEBHOOK_ALLOW_PRIVATE?: string[] | undefined;
  GITHUB_WEBHOOK_SECRET?: string[] | undefined;
  STANDARD_WEBHOOK_SECRET?: string[] | undefined;
}

export function webhookFaults(settings: WebhookSettings): string[] {
  if (settings.NODE_ENV !== 'production') return [];
  const { WEBHOOK_ALLOW_PRIVATE = [], GITHUB_WEBHOOK_SECRET = [], STANDARD_WEBHOOK_SECRET = [] } = settings;
  return [
    ...(WEBHOOK_ALLOW_PRIVATE.length > 0 ? ['WEBHOOK_ALLOW_PRIVATE: is for development only'] : []),
    ...(GITHUB_WEBHOOK_SECRET.some(isWeak) ? [`GITHUB_WEBHOOK_SECRET: ${TOO_WEAK}`] : []),
    ...(STANDARD_WEBHOOK_SECRET.some(isWeakStandard) ? [`STANDARD_WEBHOOK_SECRET: ${TOO_WEAK}`] : []),
  ];
}

/** A random secret of 16 bytes almost always has at least this many different bytes. */
const DISTINCT_MIN = 5;
const TOO_WEAK = 'is too easy to guess; use at least 16 random bytes';

const isWeak = (secret: string): boolean => new Set(secret).size < DISTINCT_MIN;

const isWeakStandard = (secret: string): boolean =>
  isWeak(secret.slice('whsec_'.length)) || new Set(keyOf(secret)).size < DISTINCT_MIN;

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice('whsec_'.length), 'base64');
