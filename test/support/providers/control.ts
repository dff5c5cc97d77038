import type { Person, ProviderName } from './person.ts';

/** Ways to lie in an id token, which only Google and Apple have. */
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

/** Ways of a token endpoint to misbehave. */
export const TOKEN_ENDPOINT_MODES = ['token-500', 'token-hang', 'token-huge', 'token-redirect'] as const;

const OTHER_MODES = [
  // The person presses "Deny".
  'deny',
  'unverified-email',
  // Every connection breaks.
  'down',
  // GitHub: the person granted no access to the addresses.
  'scope-removed',
  // GitHub: its API fails after the token was given.
  'api-500',
  'api-hang',
] as const;

export type IdTokenMode = (typeof ID_TOKEN_MODES)[number];
export type TokenEndpointMode = (typeof TOKEN_ENDPOINT_MODES)[number];
export type HostileMode = IdTokenMode | TokenEndpointMode | (typeof OTHER_MODES)[number];

export type Endpoint = 'discovery' | 'jwks' | 'authorize' | 'token' | 'api';

const GITHUB_ONLY: HostileMode[] = ['scope-removed', 'api-500', 'api-hang'];

/** What one fake provider is to do, and what was asked of it. */
export class ProviderState {
  readonly name: ProviderName;
  /** Who signs in without being asked; undefined: the sign-in page asks. */
  person: Person | undefined;
  hostile: HostileMode | undefined;
  /** Laid over the claims of the id token before it is signed; undefined takes a claim out. */
  claims: Record<string, unknown> = {};
  /** Everybody who ever signed in, by subject. */
  readonly persons = new Map<string, Person>();
  /** Apple: who has been through the consent page, and whose name is therefore not told again. */
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

/** What a test tells the fake providers. */
export class Control {
  private readonly states: Record<ProviderName, ProviderState>;

  constructor(states: Record<ProviderName, ProviderState>) {
    this.states = states;
  }

  /** Signs in from now on, without a page: the authorize URL leads straight back. Undefined: the page asks again. */
  person(provider: ProviderName, person: Person | undefined): void {
    this.states[provider].person = person;
  }

  /** How the provider misbehaves from now on; undefined: not at all. */
  hostile(provider: ProviderName, mode: HostileMode | undefined): void {
    const isImpossible =
      provider === 'github'
        ? (ID_TOKEN_MODES as readonly unknown[]).includes(mode)
        : mode && GITHUB_ONLY.includes(mode);
    if (isImpossible) throw new Error(`${provider} can't do ${mode}.`);
    this.states[provider].hostile = mode;
  }

  /** Claims of the next id tokens, validly signed: for cases without a mode. */
  claims(provider: 'google' | 'apple', claims: Record<string, unknown>): void {
    this.states[provider].claims = claims;
  }

  /** How often each endpoint was asked since the start or the last reset. */
  requests(provider: ProviderName): Readonly<Record<Endpoint, number>> {
    return { ...this.states[provider].requests };
  }

  /** Honest again, with no person set, nothing counted and no consent remembered. */
  reset(): void {
    for (const state of Object.values(this.states)) state.reset();
  }
}
