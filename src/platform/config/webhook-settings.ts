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
          (secret) => /^whsec_[A-Za-z0-9+/]+=*$/.test(secret) && bytesOf(secret) >= SECRET_BYTES_MIN,
          'must be whsec_ and at least 16 bytes in base64',
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
    'Comma list of exact host:port that outgoing webhooks may reach although they are private, by http too. Refused in production.',
  ),
  GITHUB_WEBHOOK_SECRET: optional(secrets).describe(
    'Secret of the webhook on GitHub; a comma list while it changes. Empty: /v1/webhooks/github is 404.',
  ),
  STANDARD_WEBHOOK_SECRET: optional(standardSecrets).describe(
    'Secret (whsec_…) of a sender of Standard Webhooks; a comma list while it changes. Empty: /v1/webhooks/standard is 404.',
  ),
};

export function webhookFaults(settings: {
  NODE_ENV: string;
  WEBHOOK_ALLOW_PRIVATE?: string[] | undefined;
}): string[] {
  const isOpen = settings.NODE_ENV === 'production' && (settings.WEBHOOK_ALLOW_PRIVATE ?? []).length > 0;
  return isOpen ? ['WEBHOOK_ALLOW_PRIVATE: is for development only'] : [];
}

const bytesOf = (secret: string): number => Buffer.from(secret.slice('whsec_'.length), 'base64').length;
