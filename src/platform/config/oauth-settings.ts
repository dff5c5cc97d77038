import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { httpUrl, isLoopback, optional, origins, withDefault } from './setting-fields.ts';

const idText = z.string().max(500);

/** A PKCS#8 PEM from Apple. Line breaks may be written as \n, for platforms that allow none in a setting. */
const ecPrivateKey = z
  .string()
  .transform((pem) => pem.replaceAll(String.raw`\n`, '\n'))
  .refine((pem) => readKey(pem)?.asymmetricKeyDetails?.namedCurve === 'prime256v1', {
    error: 'must be a PKCS#8 PEM of a P-256 key',
  });

/** A provider without credentials is not offered. */
export const oauthSettings = {
  GOOGLE_CLIENT_ID: optional(idText).describe(
    'The client ID from the Google console. Empty: no sign-in with Google.',
  ),
  GOOGLE_CLIENT_SECRET: optional(idText).describe('The secret of this client.'),
  GOOGLE_ISSUER: withDefault(httpUrl, 'https://accounts.google.com').describe(
    'The OpenID issuer. Its metadata contains all other URLs.',
  ),
  GOOGLE_HOSTED_DOMAIN: optional(idText).describe(
    'Accepts only accounts of this Google Workspace domain. Empty: every Google account.',
  ),
  GITHUB_CLIENT_ID: optional(idText).describe(
    'The client ID of the OAuth app on GitHub. Empty: no sign-in with GitHub.',
  ),
  GITHUB_CLIENT_SECRET: optional(idText).describe('The secret of this app.'),
  GITHUB_BASE_URL: withDefault(httpUrl, 'https://github.com').describe(
    'The URL of GitHub, or of a GitHub Enterprise server.',
  ),
  GITHUB_API_URL: withDefault(httpUrl, 'https://api.github.com').describe('The URL of its REST API.'),
  APPLE_CLIENT_ID: optional(idText).describe('The Services ID from Apple. Empty: no sign-in with Apple.'),
  APPLE_TEAM_ID: optional(idText).describe('The ID of the Apple developer team: ten characters.'),
  APPLE_KEY_ID: optional(idText).describe('The ID of the key for Sign in with Apple.'),
  APPLE_PRIVATE_KEY: optional(ecPrivateKey).describe(
    'This key: the text of the .p8 file. Line breaks may be written as \\n.',
  ),
  APPLE_ISSUER: withDefault(httpUrl, 'https://appleid.apple.com').describe('The OpenID issuer of Apple.'),
  OAUTH_RETURN_TO_ALLOWLIST: optional(origins).describe(
    'Origins that a provider sign-in may return to, separated by commas. Default: the origins of PUBLIC_URL and FRONTEND_URL. Required in production with a provider.',
  ),
};

type Given = Partial<Record<keyof typeof oauthSettings, string | string[] | undefined>>;

/** A provider needs all of its credentials. With only some of them, each sign-in would fail. */
const CREDENTIALS = [
  ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'],
  ['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'],
  ['APPLE_CLIENT_ID', 'APPLE_TEAM_ID', 'APPLE_KEY_ID', 'APPLE_PRIVATE_KEY'],
] as const;

const PROVIDER_URLS = ['GOOGLE_ISSUER', 'GITHUB_BASE_URL', 'GITHUB_API_URL', 'APPLE_ISSUER'] as const;

export function oauthFaults(settings: Given & { NODE_ENV: string }): string[] {
  const given = CREDENTIALS.map((names) => names.filter((name) => settings[name] !== undefined));
  const faults = CREDENTIALS.flatMap((names, index) =>
    names
      .filter((name) => given[index]!.length > 0 && settings[name] === undefined)
      .map((name) => `${name}: is required with ${given[index]![0]}`),
  );
  if (settings.NODE_ENV !== 'production') return faults;
  faults.push(
    ...PROVIDER_URLS.filter((name) => String(settings[name]).startsWith('http:')).map(
      (name) => `${name}: must be https in production`,
    ),
  );
  const allowed = settings.OAUTH_RETURN_TO_ALLOWLIST;
  if (allowed === undefined && given.some((names) => names.length > 0)) {
    faults.push('OAUTH_RETURN_TO_ALLOWLIST: is required in production');
  }
  if (Array.isArray(allowed) && allowed.some((url) => url.startsWith('http:') && !isLoopback(url))) {
    faults.push('OAUTH_RETURN_TO_ALLOWLIST: must be https in production');
  }
  return faults;
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
