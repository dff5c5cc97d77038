import { ProblemError } from './problem.ts';
import type { TokenPair } from './schema.ts';

export interface Tokens {
  accessToken: string;
  /** Absent if it is in a cookie. */
  refreshToken?: string;
  /** By the clock of this machine, in milliseconds since 1970. */
  expiresAt: number;
}

/** Where the tokens are kept. The default is this process's memory. A command-line program can use a file. */
export interface TokenStore {
  load(): Promise<Tokens | undefined> | Tokens | undefined;
  save(tokens: Tokens | undefined): Promise<void> | void;
  /** Runs `work` while no other process or tab refreshes this session. Needed if several share one refresh token. */
  lock?<T>(work: () => Promise<T>): Promise<T>;
}

export interface SessionOptions {
  /** The origin of the API, for example `https://api.example.com`. */
  baseUrl: string;
  /** `cookie` keeps the refresh token out of reach of scripts, in browsers on the same site as the API. */
  refreshTokenIn?: 'body' | 'cookie';
  store?: TokenStore;
  /** The language of errors and other texts, as a language tag. By default, browsers send the user's language. */
  language?: () => string;
  /** Called after a sign-in or sign-out here, to notify the other tabs. */
  broadcast?: () => void;
}

export function memoryStore(): TokenStore {
  let current: Tokens | undefined;
  return { load: () => current, save: (tokens) => void (current = tokens) };
}

const REFRESH_TIMEOUT_MS = 30_000;

/** Signs in, keeps the tokens, and refreshes the access token when the API rejects it. */
export class Session {
  readonly #options: SessionOptions;
  readonly #store: TokenStore;
  readonly #listeners: (() => void)[] = [];
  #tokens: Tokens | undefined;
  #isLoaded = false;
  /** Changes with each sign-in and sign-out. */
  #generation = 0;
  #refreshing: Promise<Tokens> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#store = options.store ?? memoryStore();
  }

  /** `listener` is called when a session starts, ends or is replaced by another user's. */
  watch(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Whether there is a session. Call it first when a page or program starts. */
  async restore(): Promise<boolean> {
    if (await this.#load()) return true;
    if (!this.#usesCookie) return false;
    try {
      await this.#refresh();
      return true;
    } catch (error) {
      if (isUnauthorized(error)) return false;
      throw error;
    }
  }

  signIn(email: string, password: string): Promise<void> {
    return this.#start('/v1/auth/login', { email, password });
  }

  /** Verifies the email of a new account and signs in. `token` comes from the link in the mail. */
  verifyEmail(token: string, password: string): Promise<void> {
    return this.#start('/v1/auth/verify-email', { token, password });
  }

  /** Completes a sign-in with a provider. `code` comes from the query of the redirect. */
  exchangeCode(code: string): Promise<void> {
    return this.#start('/v1/auth/oauth/exchange', { code });
  }

  async signOut(): Promise<void> {
    await this.#refreshing?.catch(() => undefined);
    try {
      await this.fetch(() => this.request('/v1/auth/logout', { method: 'POST' }));
    } catch (error) {
      // 401: the session was already over. After any other error it still exists, and the user must know that.
      if (!isUnauthorized(error)) throw error;
    }
    await this.#replace(undefined);
    this.#options.broadcast?.();
  }

  /** Another tab has signed in or out: forgets the access token, which may be another user's. */
  forget(): void {
    void this.#replace(undefined);
  }

  /** Gets a new access token. Rejects with 401 if the session is over. */
  async renew(): Promise<void> {
    await this.#refresh();
  }

  /** Call it before a long upload, which should not be rejected halfway. */
  async renewIfExpiring(withinMs: number): Promise<void> {
    const tokens = await this.#load();
    if (tokens && tokens.expiresAt - withinMs < Date.now()) await this.#refresh();
  }

  /** The access token, for other libraries that send requests. Renew it first. */
  async accessToken(): Promise<string | undefined> {
    return (await this.#load())?.accessToken;
  }

  request(path: string, init: RequestInit = {}): Request {
    const credentials = this.#usesCookie ? 'include' : 'same-origin';
    return new Request(new URL(path, this.#options.baseUrl), { credentials, ...init });
  }

  /**
   * Sends a request with the access token, if there is one. Refreshes a rejected token and repeats the request once.
   * Rejects with a ProblemError unless the response is a success. `createRequest` can be called twice.
   */
  async fetch(createRequest: () => Request): Promise<Response> {
    const used = await this.#load();
    try {
      return await this.#send(createRequest(), used);
    } catch (error) {
      // A 401 changed nothing, so even a POST can be repeated.
      if (!hasCode(error, 'UNAUTHENTICATED') || !this.#canRefresh(used)) throw error;
      const current = this.#tokens && this.#tokens !== used ? this.#tokens : await this.#refresh();
      // Another user has signed in. Never continue one user's request as another.
      if (used && subjectOf(current) !== subjectOf(used)) throw error;
      return this.#send(createRequest(), current);
    }
  }

  get #usesCookie(): boolean {
    return this.#options.refreshTokenIn === 'cookie';
  }

  #canRefresh(tokens: Tokens | undefined): boolean {
    return this.#usesCookie || tokens?.refreshToken !== undefined;
  }

  async #load(): Promise<Tokens | undefined> {
    if (!this.#isLoaded) {
      const stored = await this.#store.load();
      if (!this.#isLoaded) this.#tokens = stored;
      this.#isLoaded = true;
    }
    return this.#tokens;
  }

  async #start(path: string, body: object): Promise<void> {
    // A refresh that ends later would replace the cookie of the new session.
    await this.#refreshing?.catch(() => undefined);
    const tokens = await this.#lock(() => this.#requestTokens(path, body));
    await this.#replace(tokens);
    this.#options.broadcast?.();
  }

  async #replace(tokens: Tokens | undefined): Promise<void> {
    this.#generation += 1;
    await this.#keep(tokens);
    this.#notify();
  }

  async #keep(tokens: Tokens | undefined): Promise<void> {
    this.#tokens = tokens;
    this.#isLoaded = true;
    await this.#store.save(tokens);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #lock<T>(work: () => Promise<T>): Promise<T> {
    return this.#store.lock ? this.#store.lock(work) : work();
  }

  /**
   * Parallel requests share one refresh. The API ends the session when a refresh token is used a second time after its
   * grace period, so a token is never sent by two refreshes.
   */
  #refresh(): Promise<Tokens> {
    this.#refreshing ??= this.#refreshOnce().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refreshOnce(): Promise<Tokens> {
    const generation = this.#generation;
    const before = this.#tokens;
    const rotate = async (): Promise<Tokens> => {
      const tokens = await this.#rotate(before);
      // Stored inside the lock, so that the next holder loads these tokens.
      if (this.#generation === generation) await this.#keep(tokens);
      return tokens;
    };
    const [outcome] = await Promise.allSettled([this.#lock(rotate)]);
    // Another tab has signed in or out during the request, so the outcome may be that of the previous session.
    if (this.#generation !== generation) return this.#refreshOnce();
    if (outcome.status === 'fulfilled') {
      if (before && subjectOf(outcome.value) !== subjectOf(before)) this.#notify();
      return outcome.value;
    }
    // Only 401 means that the session is over. An unreachable or busy server does not end it.
    if (isUnauthorized(outcome.reason) && before) await this.#replace(undefined);
    throw outcome.reason;
  }

  async #rotate(before: Tokens | undefined): Promise<Tokens> {
    const stored = await this.#store.load();
    // Another process that shares the store has refreshed.
    if (stored && stored.accessToken !== before?.accessToken) return stored;
    if (!this.#canRefresh(before)) throw notSignedIn();
    const body = this.#usesCookie ? {} : { refreshToken: before?.refreshToken };
    try {
      return await this.#requestTokens('/v1/auth/refresh', body);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      // The response was lost. Within its grace period the API sends the same token again.
      return this.#requestTokens('/v1/auth/refresh', body);
    }
  }

  async #requestTokens(path: string, body: object): Promise<Tokens> {
    const request = this.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, refreshTokenIn: this.#options.refreshTokenIn ?? 'body' }),
      signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
    });
    const { data } = (await (await this.#send(request)).json()) as { data: TokenPair };
    const { accessToken, refreshToken, expiresIn } = data;
    return { accessToken, ...(refreshToken && { refreshToken }), expiresAt: Date.now() + expiresIn * 1000 };
  }

  async #send(request: Request, tokens?: Tokens): Promise<Response> {
    const language = this.#options.language?.();
    if (language) request.headers.set('accept-language', language);
    if (tokens) request.headers.set('authorization', `Bearer ${tokens.accessToken}`);
    const response = await fetch(request);
    if (response.ok) return response;
    throw await ProblemError.of(response);
  }
}

function notSignedIn(): ProblemError {
  const detail = 'There is no session. Sign in first.';
  return new ProblemError(new Response(null, { status: 401 }), { code: 'UNAUTHENTICATED', detail });
}

const isUnauthorized = (error: unknown): boolean => error instanceof ProblemError && error.status === 401;

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof ProblemError && error.code === code;

/** The user id in a token, for comparison only. A client can't and need not verify it. */
function subjectOf({ accessToken }: Tokens): string {
  const [, payload = ''] = accessToken.split('.');
  return (JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { sub: string }).sub;
}
