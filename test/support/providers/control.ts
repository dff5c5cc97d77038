import type { Person, ProviderName } from './person.ts';

/** Kinds of forged id tokens. Only Google and Apple issue id tokens. */
export const ID_TOKEN_MODES = [
  'wrong-nonce',
  'no-nonce',
  'wrong-issuer',
  'wrong-audience',
  'wrong-azp',
  'expired',
  'issued-in-future',
  'unsigned',
  'hs256',
  'unknown-key',
  'wrong-key',
  'no-id-token',
] as const;

/** Failure modes of a token endpoint. */
export const TOKEN_ENDPOINT_MODES = ['token-500', 'token-hang', 'token-huge', 'token-redirect'] as const;

const OTHER_MODES = [
  // The user denies consent.
  'deny',
  'unverified-email',
  // Every connection breaks.
  'down',
  // GitHub: the user did not grant access to their emails.
  'scope-removed',
  // GitHub: the API fails after the token was issued.
  'api-500',
  'api-hang',
] as const;

export type IdTokenMode = (typeof ID_TOKEN_MODES)[number];
export type TokenEndpointMode = (typeof TOKEN_ENDPOINT_MODES)[number];
export type HostileMode = IdTokenMode | TokenEndpointMode | (typeof OTHER_MODES)[number];

export type Endpoint = 'discovery' | 'jwks' | 'authorize' | 'token' | 'api';

const GITHUB_ONLY: HostileMode[] = ['scope-removed', 'api-500', 'api-hang'];

/** The behaviour of one fake provider, and its request counts. */
export class ProviderState {
  readonly name: ProviderName;
  /** Signs this person in without the sign-in page. Undefined: the page asks. */
  person: Person | undefined;
  hostile: HostileMode | undefined;
  /** Overrides claims of the id token before it is signed. Undefined removes a claim. */
  claims: Record<string, unknown> = {};
  /** Every person who has signed in, by subject. */
  readonly persons = new Map<string, Person>();
  /** Apple: people who have given consent. Their name is not sent again. */
  readonly consented = new Set<string>();
  requests = noRequests();

  constructor(name: ProviderName) {
    this.name = name;
  }

  reset(): void {
    this.person = undefined;
    this.hostile = undefined;
    this.claims = {};
    this.consented.clear();
    this.requests = noRequests();
  }
}

const noRequests = (): Record<Endpoint, number> => ({
  discovery: 0,
  jwks: 0,
  authorize: 0,
  token: 0,
  api: 0,
});

/** Controls the fake providers from a test. */
export class Control {
  private readonly states: Record<ProviderName, ProviderState>;

  constructor(states: Record<ProviderName, ProviderState>) {
    this.states = states;
  }

  /** Signs this person in without a page: the authorize URL redirects at once. Undefined: the page asks again. */
  person(provider: ProviderName, person: Person | undefined): void {
    this.states[provider].person = person;
  }

  /** Sets the failure mode of the provider; undefined: none. */
  hostile(provider: ProviderName, mode: HostileMode | undefined): void {
    const isImpossible =
      provider === 'github'
        ? (ID_TOKEN_MODES as readonly unknown[]).includes(mode)
        : mode && GITHUB_ONLY.includes(mode);
    if (isImpossible) throw new Error(`${provider} can't do ${mode}.`);
    this.states[provider].hostile = mode;
  }

  /** Sets claims of the next id tokens, which keep a valid signature. For cases without a mode. */
  claims(provider: 'google' | 'apple', claims: Record<string, unknown>): void {
    this.states[provider].claims = claims;
  }

  /** Requests per endpoint since the start or the last reset. */
  requests(provider: ProviderName): Readonly<Record<Endpoint, number>> {
    return { ...this.states[provider].requests };
  }

  /** Resets the mode, the person, the counts and the consents. */
  reset(): void {
    for (const state of Object.values(this.states)) state.reset();
  }
}
