import { emailSchema, text } from '../../../platform/http/schemas.ts';
import type { ProviderName } from '../identity.entity.ts';
import { ProviderFailedError } from '../oauth.errors.ts';

/** What one attempt sends along, and is told by again. */
export interface AttemptSecrets {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Ours, from PUBLIC_URL: never from a Host header. */
  redirectUri: string;
}

/** What the browser brought back. Untrusted: only the code leads to something that the provider itself says. */
export interface ProviderAnswer {
  code?: string | undefined;
  iss?: string | undefined;
  /** Apple’s, once: JSON with the name that the person chose. */
  user?: string | undefined;
}

export interface ProviderProfile {
  subject: string;
  /** In our canonical form; null where there is none that we could take. */
  email: string | null;
  /** Whether the provider says that the address is theirs. */
  emailVerified: boolean;
  /** A fake provider that forwards, made by the provider for us alone. */
  isRelay: boolean;
  displayName: string | null;
}

/** One way to sign in. To add another: docs/guides/add-a-provider.md. */
export interface Provider {
  readonly name: ProviderName;
  /** How the browser comes back: a redirect, or a form posted from the provider’s site. */
  readonly comesBackBy: 'GET' | 'POST';
  /** Where the browser is sent. Throws PROVIDER_UNAVAILABLE. */
  authorizationUrl(secrets: AttemptSecrets): Promise<string>;
  /** Who came back. Throws ACCESS_DENIED, PROVIDER_ERROR or PROVIDER_UNAVAILABLE. */
  finish(answer: ProviderAnswer, secrets: AttemptSecrets): Promise<ProviderProfile>;
}

const SUBJECT_MAX = 255;
const subjectSchema = text({ min: 1, max: SUBJECT_MAX });

interface RawProfile {
  subject: unknown;
  email: unknown;
  emailVerified: boolean;
  displayName: unknown;
}

/** What a provider says, in the shapes that we keep. */
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

/** Apple and older answers of Google write the boolean as a string. */
export const isTrue = (claim: unknown): boolean => claim === true || claim === 'true';

/** The callback as the protocol library wants it: our own address with what came back. */
export function callbackUrl({ code, iss }: ProviderAnswer, { redirectUri, state }: AttemptSecrets): URL {
  const url = new URL(redirectUri);
  url.searchParams.set('state', state);
  if (code !== undefined) url.searchParams.set('code', code);
  if (iss !== undefined) url.searchParams.set('iss', iss);
  return url;
}
