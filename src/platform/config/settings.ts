import { isIP } from 'node:net';
import { z } from 'zod';
import { oauthSettings } from './oauth-settings.ts';
import {
  flag,
  httpUrl,
  isProxyRange,
  list,
  mailbox,
  optional,
  origins,
  originUrl,
  postgresUrl,
  whole,
  withDefault,
} from './setting-fields.ts';
import { webhookSettings } from './webhook-settings.ts';

const secretKeys = list
  .pipe(
    z.array(
      z
        .base64({ abort: true })
        .refine((key) => Buffer.from(key, 'base64').length === 32, 'must be 32 bytes in base64'),
    ),
  )
  .pipe(z.array(z.string()).min(1));

const HOPS_MAX = 10;
const TRUST_PROXY_FORM = `must be a number of hops (0 to ${HOPS_MAX}) or a comma list of IP addresses and CIDR ranges; a range of all addresses is not allowed`;

const trustProxy = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : list.parse(text)))
  .refine(
    (value) =>
      typeof value === 'number' ? value <= HOPS_MAX : value.length > 0 && value.every(isProxyRange),
    TRUST_PROXY_FORM,
  );

const hostName = z
  .string()
  .refine(
    (text) => isIP(text) > 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text),
    'must be a host name or an IP address, IPv6 without brackets and without a port',
  );

/**
 * Every setting, with what it means. This schema is the only reader of the environment, and
 * `.env.example` is written from it (`npm run env-example`).
 */
export const settingsSchema = z.object({
  NODE_ENV: withDefault(z.enum(['production', 'development', 'test']), 'production').describe(
    'production, development or test. Anything left open counts as production.',
  ),
  PORT: withDefault(whole(1, 65_535), 3000).describe('Port of the API.'),
  HOST: optional(hostName).describe(
    'Address the API listens on. Default: localhost in development, else 0.0.0.0.',
  ),
  KEEP_ALIVE_SECONDS: withDefault(whole(1, 3_600), 72).describe(
    'Idle time after which the API closes a connection. Must be longer than that of the load balancer (Google: 600).',
  ),
  PUBLIC_URL: optional(originUrl).describe(
    'Where clients reach the API; required in production. Default: http://localhost:$PORT.',
  ),
  FRONTEND_URL: optional(httpUrl).describe(
    'Where the links in mails lead; required in production. Default: PUBLIC_URL.',
  ),
  CORS_ORIGINS: optional(origins).describe(
    'Comma list of origins whose pages may call the API. Empty: none but our own.',
  ),
  TRUST_PROXY: optional(trustProxy).describe(
    'Proxies whose X-Forwarded-For is believed: a number of hops or a comma list of CIDR ranges. Empty: none.',
  ),
  API_DOCS: optional(flag).describe('Serve /docs and /openapi.json. Default: on, off in production.'),
  REFERENCE_CLIENT: optional(flag).describe(
    'Serve the reference browser client at /reference-client/. Default: on, off in production.',
  ),
  FAKE_PROVIDERS: optional(flag).describe(
    'bin/dev starts fake providers for Google, GitHub and Apple unless credentials of one are set. Default: on; refused in production.',
  ),

  DATABASE_URL: postgresUrl.describe(
    'PostgreSQL, 15 or newer. bin/dev starts one when this is empty. TLS as in libpq: sslmode=disable (default), require (encrypts, verifies nothing), verify-ca or verify-full, with sslrootcert=<file of the CA>.',
  ),
  DATABASE_DIRECT_URL: optional(postgresUrl).describe(
    'The same database past any pooler, for migrations and LISTEN. Default: DATABASE_URL.',
  ),
  DATABASE_POOL_MAX: withDefault(whole(2, 200), 10).describe(
    'Connections each process may hold in its pool.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(whole(100, 600_000), 5_000).describe(
    'Postgres cancels a statement of the API after this; the worker gets twelve times as long.',
  ),
  REDIS_URL: optional(z.url({ protocol: /^rediss?$/ })).describe(
    'Redis for the job queue, with maxmemory-policy noeviction. Empty: the queue lives in PostgreSQL.',
  ),

  JWT_KEYS_DIR: withDefault(z.string(), '.local/keys').describe(
    'Folder of RSA private keys, one PKCS#8 PEM each, named <state>-<kid>.pem with state next, active or retiring.',
  ),
  JWT_KEYS: optional(z.string()).describe(
    'The same without files, for platforms that have none: a JSON object from file name to PEM. Wins over JWT_KEYS_DIR.',
  ),
  JWT_ISSUER: optional(z.string()).describe('The iss claim of access tokens. Default: PUBLIC_URL.'),
  JWT_AUDIENCE: optional(z.string()).describe('The aud claim of access tokens. Default: PUBLIC_URL.'),
  SECRET_KEYS: optional(secretKeys).describe(
    'Comma list of 32-byte keys in base64, newest first: they key refresh tokens, cursors and what is encrypted. Required in production; make one with: openssl rand -base64 32',
  ),
  ACCESS_TOKEN_SECONDS: withDefault(whole(60, 900), 600).describe('Life of an access token.'),
  REFRESH_GRACE_SECONDS: withDefault(whole(1, 60), 10).describe(
    'How long a refresh token that was just used is answered with the same successor again.',
  ),
  SESSION_IDLE_DAYS: withDefault(whole(1, 365), 14).describe('A session not refreshed for this long ends.'),
  SESSION_MAX_DAYS: withDefault(whole(1, 365), 30).describe(
    'A session ends this long after sign-in, however often it was refreshed.',
  ),

  ...oauthSettings,

  ...webhookSettings,

  RATE_LIMIT_FACTOR: withDefault(z.coerce.number().min(0.1).max(1_000_000), 1).describe(
    'Multiplies every rate limit and the number of sign-in failures: load runs and tests raise it.',
  ),

  SMTP_URL: optional(z.url({ protocol: /^smtps?$/ })).describe(
    'Mail server, smtps:// or smtp://; required in production. With credentials, production requires TLS. Empty: each mail is written as a file to MAIL_DIR.',
  ),
  MAIL_FROM: withDefault(mailbox, 'Reference <no-reply@example.com>').describe(
    'Sender of every mail: an email, or a name and an email.',
  ),
  MAIL_DIR: withDefault(z.string(), '.local/mail').describe(
    'Where mails are written when there is no SMTP_URL.',
  ),

  JOB_LEASE_SECONDS: withDefault(whole(2, 300), 20).describe(
    'How long a silent worker is waited for before another takes over its job.',
  ),
  SWEEP_SECONDS: withDefault(whole(1, 300), 10).describe(
    'How often each worker looks for jobs that no queue knows.',
  ),
  STREAM_HEARTBEAT_SECONDS: withDefault(whole(1, 60), 15).describe(
    'Interval of the comments that keep an idle event stream open.',
  ),
  RESPONSE_STALL_SECONDS: withDefault(whole(1, 600), 30).describe(
    'A client that reads nothing of a waiting response for this long is disconnected.',
  ),
  METRICS_PORT: withDefault(whole(1, 65_535), 9464).describe(
    'Port of the worker’s health answers. Never make it public.',
  ),

  SHUTDOWN_DRAIN_SECONDS: optional(whole(0, 60)).describe(
    'After SIGTERM the API still answers for this long, so that balancers notice. Default: 5, 0 outside production.',
  ),
  SHUTDOWN_DEADLINE_SECONDS: withDefault(whole(1, 300), 25).describe(
    'A process that has not ended this long after SIGTERM is ended.',
  ),
  LOG_LEVEL: withDefault(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
  ).describe('The least severe lines that are logged.'),

  ADMIN_EMAIL: withDefault(z.email(), 'admin@example.com').describe(
    'Address of the seeded administrator (development only).',
  ),
  ADMIN_PASSWORD: withDefault(z.string().min(12), 'development-only-admin').describe(
    'Password of the seeded administrator (development only).',
  ),
});

export type ParsedSettings = z.output<typeof settingsSchema>;

/** The settings with every default that depends on another one filled in. */
export function complete(settings: ParsedSettings) {
  const isProduction = settings.NODE_ENV === 'production';
  const publicUrl = settings.PUBLIC_URL ?? `http://localhost:${settings.PORT}`;
  const dependent = {
    HOST: settings.NODE_ENV === 'development' ? 'localhost' : '0.0.0.0',
    PUBLIC_URL: publicUrl,
    FRONTEND_URL: publicUrl,
    CORS_ORIGINS: [] as string[],
    WEBHOOK_ALLOW_PRIVATE: [] as string[],
    OAUTH_RETURN_TO_ALLOWLIST: [publicUrl, settings.FRONTEND_URL ?? publicUrl].map(
      (url) => new URL(url).origin,
    ),
    API_DOCS: !isProduction,
    REFERENCE_CLIENT: !isProduction,
    DATABASE_DIRECT_URL: settings.DATABASE_URL,
    JWT_ISSUER: publicUrl,
    JWT_AUDIENCE: publicUrl,
    SECRET_KEYS: [] as string[],
    SHUTDOWN_DRAIN_SECONDS: isProduction ? 5 : 0,
  };
  return { ...settings, ...dependent, ...given(settings) };
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

const given = (settings: ParsedSettings): Given<ParsedSettings> =>
  Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as Given<ParsedSettings>;

export type Settings = ReturnType<typeof complete>;
