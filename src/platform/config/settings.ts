import { isIP } from 'node:net';
import { z } from 'zod';
import { LOCALES } from '../i18n/locales.ts';
import { fileSettings } from './file-settings.ts';
import { oauthSettings } from './oauth-settings.ts';
import { product } from './product.ts';
import {
  authSchemes,
  contacts,
  flag,
  headerNames,
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
import { tracingSettings } from './tracing-settings.ts';
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
const TRUST_PROXY_FORMAT = `must be a number of hops (0 to ${HOPS_MAX}) or IP addresses and CIDR ranges, separated by commas; a range of all addresses is not allowed`;

const trustProxy = z
  .string()
  .transform((text) => (/^\d+$/.test(text) ? Number(text) : list.parse(text)))
  .refine(
    (value) =>
      typeof value === 'number' ? value <= HOPS_MAX : value.length > 0 && value.every(isProxyRange),
    TRUST_PROXY_FORMAT,
  );

const hostName = z
  .string()
  .refine(
    (text) => isIP(text) > 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text),
    'must be a host name or an IP address, IPv6 without brackets and without a port',
  );

/** OWASP Password Storage cheat sheet: argon2id with 19 MiB, t=2, p=1. */
export const PASSWORD_HASH_DEFAULTS = { memoryKib: 19_456, passes: 2 };

/** The memory for the bodies of one network, see platform/http/body-budget.ts. */
const JSON_BODY_KIB_MAX = 4_096;
/** Less than a day, because a session is removed a day after it has ended. */
const ACCESS_TOKEN_SECONDS_MAX = 43_200;

/** All settings. `npm run env-example` writes the descriptions to `.env.example`. */
export const settingsSchema = z.object({
  NODE_ENV: withDefault(z.enum(['production', 'development', 'test']), 'production').describe(
    'production, development or test. Default: production.',
  ),
  PORT: withDefault(whole(1, 65_535), 3000).describe('The port of the API.'),
  HOST: optional(hostName).describe(
    'The host name or IP address that the API listens on. Default: localhost in development, otherwise 0.0.0.0.',
  ),
  KEEP_ALIVE_SECONDS: withDefault(whole(1, 3_600), 72).describe(
    'The API closes a connection that is idle for this time. Use a longer time than the load balancer (Google: 600).',
  ),
  PUBLIC_URL: optional(originUrl).describe(
    'The URL at which clients reach the API. Required in production. Default: http://localhost:$PORT.',
  ),
  FRONTEND_URL: optional(httpUrl).describe(
    'The URL of the frontend, for links in emails. Required in production. Default: PUBLIC_URL.',
  ),
  DEFAULT_LOCALE: withDefault(z.enum(LOCALES), 'en').describe(
    `The language of mails and errors when the user or client has not chosen one: ${LOCALES.join(' or ')}.`,
  ),
  CORS_ORIGINS: optional(origins).describe(
    'Origins whose pages may call the API, separated by commas. Empty: only the origin of the API.',
  ),
  CORS_ALLOWED_HEADERS: optional(headerNames).describe(
    'Further request headers that pages of CORS_ORIGINS may send, separated by commas. For example x-requested-with.',
  ),
  CORS_EXPOSED_HEADERS: optional(headerNames).describe(
    'Further response headers that pages of CORS_ORIGINS may read, separated by commas.',
  ),
  JSON_BODY_MAX_KIB: withDefault(whole(16, JSON_BODY_KIB_MAX), 100).describe(
    `The maximum size of a JSON body, in KiB. At most ${JSON_BODY_KIB_MAX}, because bodies are read into memory before the caller is known. Larger files: stream them.`,
  ),
  TRUST_PROXY: optional(trustProxy).describe(
    'Trusted proxies, for X-Forwarded-For: the number of proxies in front of the API, or their CIDR ranges, separated by commas. Empty: none.',
  ),
  API_DOCS: optional(flag).describe('Serves /docs and /openapi.json. Default: on, in production off.'),
  SECURITY_CONTACT: optional(contacts).describe(
    'Where to report a vulnerability, for /.well-known/security.txt: mailto: and https: URLs, separated by commas, the preferred one first. Empty: the file does not exist.',
  ),
  GRAPHQL: withDefault(flag, true).describe('Serves the GraphQL API at /graphql.'),
  GRAPHQL_TRUSTED_DOCUMENTS: withDefault(z.enum(['off', 'audit', 'enforce']), 'off').describe(
    'Which GraphQL documents run. off: all. audit: all, and unregistered ones are logged. enforce: only registered ones.',
  ),
  GRAPHQL_DOCUMENTS_FILE: optional(z.string()).describe(
    'The registered GraphQL documents, written by npm run graphql-documents. Default: the file in the build.',
  ),
  REFERENCE_CLIENT: optional(flag).describe(
    'Serves the reference browser client at /reference-client/. Default: on, in production off.',
  ),
  FAKE_PROVIDERS: optional(flag).describe(
    'bin/dev starts fake sign-in providers, unless credentials of a provider are set. Default: on. Not allowed in production.',
  ),

  DATABASE_URL: postgresUrl.describe(
    'The URL of PostgreSQL 15 or newer. Empty: bin/dev starts PostgreSQL. TLS works as in libpq: sslmode=disable (default), require (encrypts but does not verify), verify-ca or verify-full, with sslrootcert=<CA file>.',
  ),
  DATABASE_DIRECT_URL: optional(postgresUrl).describe(
    'The URL of the same database without a connection pooler, for the worker, migrations and LISTEN. Set it when DATABASE_URL leads to a pooler such as PgBouncer. Default: DATABASE_URL.',
  ),
  MIGRATION_DATABASE_URL: optional(postgresUrl).describe(
    'The URL of the same database for the migration program only, with the role that owns the tables. Then the role of DATABASE_URL may read and write rows, but not change tables. Default: DATABASE_DIRECT_URL.',
  ),
  DATABASE_APP_ROLE: optional(z.string()).describe(
    'The role that the migration program lets read and write rows. Default: the user of DATABASE_URL if MIGRATION_DATABASE_URL has another one. Set it if a connection pooler uses other names.',
  ),
  DATABASE_REPLICA_URL: optional(postgresUrl).describe(
    'The URL of a streaming replica, for the lists of users and audit events, and for exports. One server, without a load balancer or a pooler in transaction mode. Empty: DATABASE_URL is used.',
  ),
  DATABASE_REPLICA_MAX_LAG_SECONDS: withDefault(whole(1, 300), 5).describe(
    'While the replica is further behind than this, its reads go to DATABASE_URL.',
  ),
  DATABASE_POOL_MAX: withDefault(whole(2, 200), 10).describe(
    'The maximum number of connections in the pool of each process.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(whole(100, 600_000), 5_000).describe(
    'PostgreSQL cancels a statement of the API after this time. Statements of the worker may take twelve times as long.',
  ),
  REDIS_URL: optional(z.url({ protocol: /^rediss?$/ })).describe(
    'The URL of Redis, for the job queue, rate limits and messages between processes. Needs maxmemory-policy noeviction. Empty: PostgreSQL is used instead.',
  ),
  REDIS_CLUSTER: withDefault(flag, false).describe(
    'REDIS_URL leads to a node of a Redis Cluster. Default: off, for a single primary.',
  ),

  JWT_KEYS_DIR: withDefault(z.string(), '.local/keys').describe(
    'The folder of the RSA private keys that sign access tokens. Each file is a PKCS#8 PEM named <state>-<kid>.pem, where the state is next, active or retiring.',
  ),
  JWT_KEYS: optional(z.string()).describe(
    'The same keys as a JSON object from file name to PEM, for platforms without files. Replaces JWT_KEYS_DIR.',
  ),
  JWT_ISSUER: optional(z.string()).describe('The iss claim of access tokens. Default: PUBLIC_URL.'),
  JWT_AUDIENCE: optional(z.string()).describe('The aud claim of access tokens. Default: PUBLIC_URL.'),
  SECRET_KEYS: optional(secretKeys).describe(
    '32-byte keys in base64, newest first, separated by commas. They sign refresh tokens, cookies and cursors, and encrypt stored secrets. Required in production. Create a key with: openssl rand -base64 32',
  ),
  ACCESS_TOKEN_SECONDS: withDefault(whole(60, ACCESS_TOKEN_SECONDS_MAX), 600).describe(
    'The lifetime of an access token. At most 12 hours. A service that verifies tokens with /.well-known/jwks.json accepts the token of a revoked session until it expires. Each process keeps the sessions that were revoked in this time in memory. A key rotation waits for this time too: give npm run keys the same value.',
  ),
  AUTH_SCHEMES: optional(authSchemes).describe(
    'Further schemes of the Authorization header for access tokens, separated by commas. For example Token, for clients that send "Token <access token>". Bearer is always accepted.',
  ),
  REFRESH_GRACE_SECONDS: withDefault(whole(1, 60), 10).describe(
    'A refresh token that is used again within this time returns the same new token. After this time, reuse revokes the session.',
  ),
  PASSWORD_HASH_MEMORY_KIB: withDefault(whole(8, 1_048_576), PASSWORD_HASH_DEFAULTS.memoryKib).describe(
    'The memory of an argon2id password hash, in KiB. Not below the default in production. A sign-in renews hashes made with other parameters.',
  ),
  PASSWORD_HASH_PASSES: withDefault(whole(1, 10), PASSWORD_HASH_DEFAULTS.passes).describe(
    'The passes of an argon2id password hash. Not below the default in production.',
  ),
  SESSION_IDLE_DAYS: withDefault(whole(1, 365), 14).describe(
    'A session ends when it is not refreshed for this time.',
  ),
  SESSION_MAX_DAYS: withDefault(whole(1, 365), 30).describe('A session ends this long after the sign-in.'),

  ...oauthSettings,

  ...webhookSettings,

  RATE_LIMIT_FACTOR: withDefault(z.coerce.number().min(0.1).max(1_000_000), 1).describe(
    'Multiplies every rate limit and the allowed number of sign-in failures. Load tests raise it.',
  ),

  SMTP_URL: optional(z.url({ protocol: /^smtps?$/ })).describe(
    'The URL of the mail server, smtps:// or smtp://. Required in production, where a URL with a password needs TLS. Empty: each email is written as a file to MAIL_DIR.',
  ),
  MAIL_FROM: withDefault(mailbox, `${product.title} <no-reply@example.com>`).describe(
    'The sender of all emails: an email, or a name and an email.',
  ),
  MAIL_DIR: withDefault(z.string(), '.local/mail').describe('The folder for emails without SMTP_URL.'),

  ...fileSettings,

  JOB_LEASE_SECONDS: withDefault(whole(2, 300), 20).describe(
    'Another worker takes a job whose worker has sent no heartbeat for this time.',
  ),
  SWEEP_SECONDS: withDefault(whole(1, 300), 10).describe(
    'How often each worker looks for jobs that are not in the queue.',
  ),
  STREAM_HEARTBEAT_SECONDS: withDefault(whole(1, 60), 15).describe(
    'How often an idle event stream sends a heartbeat.',
  ),
  RESPONSE_STALL_SECONDS: withDefault(whole(1, 600), 30).describe(
    'A client is disconnected when it reads nothing of a waiting response for this time.',
  ),
  PENDING_REQUESTS_MAX: withDefault(whole(0, 100_000), 1_000).describe(
    'The API rejects requests with 503 and Retry-After while this number of requests wait for their response. 0: never.',
  ),
  EVENT_LOOP_DELAY_MAX_MS: optional(whole(0, 60_000)).describe(
    'The API rejects requests with 503 and Retry-After while the mean delay of its event loop in a second is longer. 0: never. Default: 250 in production, otherwise 0.',
  ),
  METRICS_PORT: withDefault(whole(1, 65_535), 9464).describe(
    'The port of the metrics and health checks of a process. Do not make it public.',
  ),

  ...tracingSettings,

  SHUTDOWN_DRAIN_SECONDS: optional(whole(0, 60)).describe(
    'After SIGTERM, the API still serves requests for this time, while load balancers remove it. Default: 0, in production 5.',
  ),
  SHUTDOWN_DEADLINE_SECONDS: withDefault(whole(1, 300), 25).describe(
    'A process that still runs this long after SIGTERM exits with code 1.',
  ),
  EVENT_LOOP_BLOCKED_SECONDS: optional(whole(0, 3_600)).describe(
    'A process ends itself when its event loop is blocked for this time, so that the platform starts it again. 0: never. Default: 0, in production 60.',
  ),
  WORKER_STALL_EXIT_SECONDS: withDefault(whole(5, 86_400), 300).describe(
    'A worker that has stopped polling its queues while Postgres and Redis respond exits with code 1 after this time. It counts as stalled after a minute.',
  ),
  LOG_LEVEL: withDefault(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
  ).describe('The lowest level that is logged.'),

  ADMIN_EMAIL: withDefault(z.email(), 'admin@example.com').describe(
    'The email of the seeded administrator (development only).',
  ),
  ADMIN_PASSWORD: withDefault(z.string().min(12), 'development-only-admin').describe(
    'The password of the seeded administrator (development only).',
  ),
});

export type ParsedSettings = z.output<typeof settingsSchema>;

/** Adds the defaults that depend on other settings. */
export function addDependentDefaults(settings: ParsedSettings) {
  const isProduction = settings.NODE_ENV === 'production';
  const publicUrl = settings.PUBLIC_URL ?? `http://localhost:${settings.PORT}`;
  const dependent = {
    HOST: settings.NODE_ENV === 'development' ? 'localhost' : '0.0.0.0',
    PUBLIC_URL: publicUrl,
    FRONTEND_URL: publicUrl,
    CORS_ORIGINS: [] as string[],
    CORS_ALLOWED_HEADERS: [] as string[],
    CORS_EXPOSED_HEADERS: [] as string[],
    AUTH_SCHEMES: [] as string[],
    WEBHOOK_ALLOW_PRIVATE: [] as string[],
    OAUTH_RETURN_TO_ALLOWLIST: [publicUrl, settings.FRONTEND_URL ?? publicUrl].map(
      (url) => new URL(url).origin,
    ),
    API_DOCS: !isProduction,
    REFERENCE_CLIENT: !isProduction,
    DATABASE_DIRECT_URL: settings.DATABASE_URL,
    MIGRATION_DATABASE_URL: settings.DATABASE_DIRECT_URL ?? settings.DATABASE_URL,
    DATABASE_APP_ROLE: appRole(settings),
    JWT_ISSUER: publicUrl,
    JWT_AUDIENCE: publicUrl,
    SECRET_KEYS: [] as string[],
    FILES_STORAGE: 'local' as 'local' | 's3',
    SHUTDOWN_DRAIN_SECONDS: isProduction ? 5 : 0,
    EVENT_LOOP_BLOCKED_SECONDS: isProduction ? 60 : 0,
    EVENT_LOOP_DELAY_MAX_MS: isProduction ? 250 : 0,
  };
  return { ...settings, ...dependent, ...given(settings) };
}

/** Empty if one role does everything. */
function appRole({ DATABASE_URL, MIGRATION_DATABASE_URL }: ParsedSettings): string {
  const user = decodeURIComponent(new URL(DATABASE_URL).username);
  const isSeparate =
    MIGRATION_DATABASE_URL && decodeURIComponent(new URL(MIGRATION_DATABASE_URL).username) !== user;
  return isSeparate ? user : '';
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

const given = (settings: ParsedSettings): Given<ParsedSettings> =>
  Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as Given<ParsedSettings>;

export type Settings = ReturnType<typeof addDependentDefaults>;
