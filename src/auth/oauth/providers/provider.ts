import { emailSchema, text } from '../../../platform/http/schemas.ts';
import type { ProviderName } from '../identity.entity.ts';
import { ProviderFailedError } from '../oauth.errors.ts';

/** The secrets and the redirect URI of one attempt. */
export interface AttemptSecrets {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Built from PUBLIC_URL, never from the Host header. */
  redirectUri: string;
}

/** The callback parameters. Untrusted, because the browser sends them. */
export interface ProviderCallback {
  code?: string | undefined;
  iss?: string | undefined;
  /** Apple only, at the first sign-in: JSON with the name that the user chose. */
  user?: string | undefined;
}

export interface ProviderProfile {
  subject: string;
  /** Canonical email. Null if it is missing or invalid. */
  email: string | null;
  /** Whether the provider has verified the email. */
  emailVerified: boolean;
  /** A relay email that the provider created for this application only. */
  isRelay: boolean;
  displayName: string | null;
}

/** One way to sign in. To add another: docs/guides/add-a-provider.md. */
export interface Provider {
  readonly name: ProviderName;
  /** HTTP method of the callback: GET for a redirect, POST for a form. */
  readonly callbackMethod: 'GET' | 'POST';
  /** Resolves to the authorization URL. Throws PROVIDER_UNAVAILABLE. */
  authorizationUrl(secrets: AttemptSecrets): Promise<string>;
  /** Resolves to the user at the provider. Throws ACCESS_DENIED, PROVIDER_ERROR or PROVIDER_UNAVAILABLE. */
  fetchProfile(callback: ProviderCallback, secrets: AttemptSecrets): Promise<ProviderProfile>;
}

const SUBJECT_MAX = 255;
const subjectSchema = text({ min: 1, max: SUBJECT_MAX });

interface RawProfile {
  subject: unknown;
  email: unknown;
  emailVerified: boolean;
  displayName: unknown;
}

/** Converts provider claims to our formats. */
export function profileOf({ subject, email, emailVerified, displayName }: RawProfile): ProviderProfile {
  const parsed = subjectSchema.safeParse(subject);
  if (!parsed.success) throw new ProviderFailedError();
  return {
    subject: parsed.data,
    email: emailSchema.safeParse(email).data ?? null,
    emailVerified,
    isRelay: false,
    displayName: typeof displayName === 'string' ? displayName : null,
  };
}

/** Apple and older Google responses contain the boolean as a string. */
export const isTrue = (claim: unknown): boolean => claim === true || claim === 'true';

/** Builds the callback URL for the protocol library. */
export function callbackUrl({ code, iss }: ProviderCallback, { redirectUri, state }: AttemptSecrets): URL {
  const url = new URL(redirectUri);
  url.searchParams.set('state', state);
  if (code !== undefined) url.searchParams.set('code', code);
  if (iss !== undefined) url.searchParams.set('iss', iss);
  return url;
}
