import { isDevelopmentSecret } from './development-secrets.ts';
import { fileFaults } from './file-settings.ts';
import { oauthFaults } from './oauth-settings.ts';
import { isLoopback } from './setting-fields.ts';
import { PASSWORD_HASH_DEFAULTS, type ParsedSettings, type Settings } from './settings.ts';
import { webhookFaults } from './webhook-settings.ts';

const REQUIRED_IN_PRODUCTION = ['PUBLIC_URL', 'FRONTEND_URL', 'SECRET_KEYS', 'SMTP_URL'] as const;
const RATE_LIMIT_FACTOR_MAX = 100;
/** 32 random bytes have about 30 different values. Fewer than this many means that the key is not random. */
const DIFFERENT_BYTES_MIN = 12;

/** Checks that involve several settings. One line per fault, without values. */
export function combinedFaults(settings: ParsedSettings): string[] {
  const faults = [
    ...oauthFaults(settings),
    ...webhookFaults(settings),
    ...fileFaults(settings),
    ...processFaults(settings),
    ...redisFaults(settings),
  ];
  return settings.NODE_ENV === 'production' ? [...faults, ...productionFaults(settings)] : faults;
}

function processFaults(settings: ParsedSettings): string[] {
  const faults: string[] = [];
  if (settings.METRICS_PORT === settings.PORT) faults.push('METRICS_PORT: must differ from PORT');
  const drain = settings.SHUTDOWN_DRAIN_SECONDS ?? (settings.NODE_ENV === 'production' ? 5 : 0);
  if (drain >= settings.SHUTDOWN_DEADLINE_SECONDS) {
    faults.push('SHUTDOWN_DRAIN_SECONDS: must be less than SHUTDOWN_DEADLINE_SECONDS');
  }
  return faults;
}

function redisFaults({ REDIS_CLUSTER, REDIS_URL }: ParsedSettings): string[] {
  if (!REDIS_CLUSTER) return [];
  if (!REDIS_URL) return ['REDIS_CLUSTER: needs REDIS_URL'];
  const { pathname, searchParams } = new URL(REDIS_URL);
  if (/^\/?0?$/.test(pathname) && !searchParams.has('db')) return [];
  return [
    'REDIS_URL: must not have a database number with REDIS_CLUSTER, because a cluster has one database',
  ];
}

function productionFaults(settings: ParsedSettings): string[] {
  const faults = REQUIRED_IN_PRODUCTION.filter((name) => settings[name] === undefined).map(
    (name) => `${name}: is required in production`,
  );
  for (const name of ['PUBLIC_URL', 'FRONTEND_URL', 'CORS_ORIGINS'] as const) {
    if ([settings[name] ?? []].flat().some(isPlainHttp)) faults.push(`${name}: must be https in production`);
  }
  if (settings.RATE_LIMIT_FACTOR > RATE_LIMIT_FACTOR_MAX) {
    faults.push(`RATE_LIMIT_FACTOR: must be at most ${RATE_LIMIT_FACTOR_MAX} in production`);
  }
  const { memoryKib, passes } = PASSWORD_HASH_DEFAULTS;
  if (settings.PASSWORD_HASH_MEMORY_KIB < memoryKib) {
    faults.push(`PASSWORD_HASH_MEMORY_KIB: must be at least ${memoryKib} in production`);
  }
  if (settings.PASSWORD_HASH_PASSES < passes) {
    faults.push(`PASSWORD_HASH_PASSES: must be at least ${passes} in production`);
  }
  if (settings.FAKE_PROVIDERS) faults.push('FAKE_PROVIDERS: is for development only');
  return [...faults, ...secretFaults(settings.SECRET_KEYS ?? [])];
}

function secretFaults(keys: string[]): string[] {
  if (keys.some(isDevelopmentSecret)) return ['SECRET_KEYS: contains a development secret'];
  const isWeak = (key: string): boolean => new Set(Buffer.from(key, 'base64')).size < DIFFERENT_BYTES_MIN;
  return keys.some(isWeak) ? ['SECRET_KEYS: is not random; create one with: openssl rand -base64 32'] : [];
}

const isPlainHttp = (url: string): boolean => url.startsWith('http:') && !isLoopback(url);

/** Allowed in production, but slow or unprotected. One line per setting. */
export function settingWarnings({ NODE_ENV, REDIS_URL, DATABASE_URL }: Settings): string[] {
  if (NODE_ENV !== 'production') return [];
  const warnings: string[] = [];
  if (!REDIS_URL) warnings.push('REDIS_URL is empty: the job queue uses PostgreSQL');
  if (REDIS_URL?.startsWith('redis:') && !isLoopback(REDIS_URL)) {
    warnings.push('REDIS_URL is not encrypted: use rediss:// unless the network is private');
  }
  if (new URL(DATABASE_URL).searchParams.get('sslmode') === 'disable' && !isLoopback(DATABASE_URL)) {
    warnings.push('DATABASE_URL has sslmode=disable: use verify-full unless the network is private');
  }
  return warnings;
}
