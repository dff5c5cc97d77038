import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { httpUrl, isLoopback, optional, origins, withDefault } from './setting-fields.ts';

const idText = z.string().max(500);

/** PKCS#8 PEM as Apple hands it out; platforms without line breaks in their settings write them as \n. */
const ecPrivateKey = z
  .string()
  .transform((pem) => pem.replaceAll(String.raw`\n`, '\n'))
  .refine((pem) => readKey(pem)?.asymmetricKeyDetails?.namedCurve === 'prime256v1', {
    error: 'must be a PKCS#8 PEM of a P-256 key',
  });

/** Sign-in with Google, GitHub and Apple: a provider whose settings are all empty is not offered. */
export const oauthSettings = {
  GOOGLE_CLIENT_ID: optional(idText).describe(
    'OAuth client of the Google console. Empty: no sign-in with Google.',
  ),
  GOOGLE_CLIENT_SECRET: optional(idText).describe('Secret of that client.'),
  GOOGLE_ISSUER: withDefault(httpUrl, 'https://accounts.google.com').describe(
    'OpenID issuer; its metadata names every other address.',
  ),
  GOOGLE_HOSTED_DOMAIN: optional(idText).describe(
    'Takes only accounts of this Google Workspace domain. Empty: any Google account.',
  ),
  GITHUB_CLIENT_ID: optional(idText).describe('OAuth app on GitHub. Empty: no sign-in with GitHub.'),
  GITHUB_CLIENT_SECRET: optional(idText).describe('Secret of that app.'),
  GITHUB_BASE_URL: withDefault(httpUrl, 'https://github.com').describe(
    'GitHub’s website, or that of a GitHub Enterprise server.',
  ),
  GITHUB_API_URL: withDefault(httpUrl, 'https://api.github.com').describe('The REST API that belongs to it.'),
  APPLE_CLIENT_ID: optional(idText).describe('Services ID at Apple. Empty: no sign-in with Apple.'),
  APPLE_TEAM_ID: optional(idText).describe('The ten characters of the Apple developer team.'),
  APPLE_KEY_ID: optional(idText).describe('Id of the key for Sign in with Apple.'),
  APPLE_PRIVATE_KEY: optional(ecPrivateKey).describe(
    'That key, the text of the .p8 file; line breaks may be written as \\n.',
  ),
  APPLE_ISSUER: withDefault(httpUrl, 'https://appleid.apple.com').describe('Apple’s OpenID issuer.'),
  OAUTH_RETURN_TO_ALLOWLIST: optional(origins).describe(
    'Comma list of origins that a sign-in may return to. Default: those of PUBLIC_URL and FRONTEND_URL; required in production with a provider.',
  ),
};

type Given = Partial<Record<keyof typeof oauthSettings, string | string[] | undefined>>;

/** What a provider needs: all of it or nothing, since half a provider would only fail in front of people. */
const CREDENTIALS = [
  ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'],
  ['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'],
  ['APPLE_CLIENT_ID', 'APPLE_TEAM_ID', 'APPLE_KEY_ID', 'APPLE_PRIVATE_KEY'],
] as const;

const ADDRESSES = ['GOOGLE_ISSUER', 'GITHUB_BASE_URL', 'GITHUB_API_URL', 'APPLE_ISSUER'] as const;

export function oauthFaults(settings: Given & { NODE_ENV: string }): string[] {
  const given = CREDENTIALS.map((names) => names.filter((name) => settings[name] !== undefined));
  const faults = CREDENTIALS.flatMap((names, index) =>
    names
      .filter((name) => given[index]!.length > 0 && settings[name] === undefined)
      .map((name) => `${name}: is required with ${given[index]![0]}`),
  );
  if (settings.NODE_ENV !== 'production') return faults;
  faults.push(
    ...ADDRESSES.filter((name) => String(settings[name]).startsWith('http:')).map(
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
