import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ProviderState } from './control.ts';
import type { Person } from './person.ts';
import { listen, type ProviderServer } from './server.ts';
import { postedPerson, signInPage } from './sign-in-page.ts';

export interface FakeGithub {
  baseUrl: string;
  apiUrl: string;
  clientId: string;
  clientSecret: string;
}

const CODE_LIFE_MS = 10 * 60_000;
const PATH = { authorize: '/login/oauth/authorize', token: '/login/oauth/access_token', api: '/api/v3' };

interface Code {
  person: Person;
  scope: string;
  challenge: string;
  redirectUri: string;
  expiresAt: number;
}

export async function startGithub(
  state: ProviderState,
  address: { port: number; host: string },
  client: GithubClient,
): Promise<{ github: FakeGithub; server: ProviderServer }> {
  const server = await listen(state, PATH, address);
  const github = new Github(state, client);
  server.handle((request, response) => {
    github.answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  const { clientId, clientSecret } = client;
  const { origin } = server;
  return { github: { baseUrl: origin, apiUrl: `${origin}${PATH.api}`, clientId, clientSecret }, server };
}

interface GithubClient {
  clientId: string;
  clientSecret: string;
  redirectUri: string;
}

/** OAuth 2 as GitHub does it: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps */
class Github {
  private readonly state: ProviderState;
  private readonly client: GithubClient;
  private readonly codes = new Map<string, Code>();
  private readonly tokens = new Map<string, { person: Person; scope: string }>();

  constructor(state: ProviderState, client: GithubClient) {
    this.state = state;
    this.client = client;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined;
    switch (`${request.method} ${url.pathname}`) {
      case `GET ${PATH.authorize}`:
      case `POST ${PATH.authorize}`:
        return this.authorize(url, form, response);
      case `POST ${PATH.token}`:
        return answerToken(request, response, this.exchange(request, form ?? new URLSearchParams()));
      case `GET ${PATH.api}/user`:
        return this.api(request, response, userOf);
      case `GET ${PATH.api}/user/emails`:
        return this.api(request, response, (person) => this.emailsOf(person), 'user:email');
      default:
        return sendJson(response, 404, { message: 'Not Found' });
    }
  }

  private authorize(url: URL, form: URLSearchParams | undefined, response: ServerResponse): void {
    const query = url.searchParams;
    const fault = this.faultOf(query);
    if (fault) return void response.writeHead(400, { 'content-type': 'text/plain' }).end(fault);
    const hasChosen = form !== undefined || this.state.person !== undefined || this.state.hostile === 'deny';
    if (!hasChosen) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      return void response.end(signInPage('github', url.pathname + url.search));
    }
    const person = form ? postedPerson('github', form) : this.state.person;
    const back = new URL(this.redirectUriOf(query));
    for (const [name, value] of Object.entries(this.outcome(person, query)))
      back.searchParams.set(name, value);
    if (query.has('state')) back.searchParams.set('state', query.get('state') ?? '');
    response.writeHead(302, { location: back.href }).end();
  }

  private outcome(person: Person | undefined, query: URLSearchParams): Record<string, string> {
    if (person && this.state.hostile !== 'deny') return { code: this.issueCode(person, query) };
    return {
      error: 'access_denied',
      error_description: 'The user has denied your application access.',
    };
  }

  private redirectUriOf(query: URLSearchParams): string {
    return query.get('redirect_uri') ?? this.client.redirectUri;
  }

  /** GitHub only recommends PKCE. Required here, so that a test fails if PKCE is missing. */
  private faultOf(query: URLSearchParams): string | undefined {
    if (query.get('client_id') !== this.client.clientId) return 'There is no such application.';
    if (this.redirectUriOf(query) !== this.client.redirectUri)
      return 'The redirect_uri is not associated with this application.';
    const hasChallenge =
      query.get('code_challenge_method') === 'S256' && query.get('code_challenge')?.length === 43;
    return hasChallenge ? undefined : 'A code_challenge with the method S256 is needed.';
  }

  private issueCode(person: Person, query: URLSearchParams): string {
    const code = randomBytes(10).toString('hex');
    const asked = (query.get('scope') ?? '').split(/[\s,]+/).filter(Boolean);
    // The granted scopes are those that the user left selected.
    const granted = this.state.hostile === 'scope-removed' ? [] : asked;
    this.codes.set(code, {
      person,
      scope: granted.join(','),
      challenge: query.get('code_challenge') ?? '',
      redirectUri: this.redirectUriOf(query),
      expiresAt: Date.now() + CODE_LIFE_MS,
    });
    return code;
  }

  private exchange(request: IncomingMessage, form: URLSearchParams): Record<string, string> {
    const { clientId, clientSecret } = credentialsOf(request, form);
    if (clientId !== this.client.clientId || clientSecret !== this.client.clientSecret)
      return tokenError(
        'incorrect_client_credentials',
        'The client_id and/or client_secret passed are incorrect.',
      );
    const code = this.spend(form.get('code') ?? '');
    if (code?.challenge !== sha256(form.get('code_verifier') ?? ''))
      return tokenError('bad_verification_code', 'The code passed is incorrect or expired.');
    if ((form.get('redirect_uri') ?? code.redirectUri) !== code.redirectUri)
      return tokenError('redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL.');
    const token = `gho_${randomBytes(18).toString('hex')}`;
    this.tokens.set(token, { person: code.person, scope: code.scope });
    return { access_token: token, scope: code.scope, token_type: 'bearer' };
  }

  /** A code is consumed by the first attempt, also if it fails. */
  private spend(code: string): Code | undefined {
    const found = this.codes.get(code);
    this.codes.delete(code);
    return found && found.expiresAt > Date.now() ? found : undefined;
  }

  private api(
    request: IncomingMessage,
    response: ServerResponse,
    view: (person: Person) => unknown,
    neededScope?: string,
  ): void {
    if (!request.headers['user-agent'])
      return sendJson(response, 403, { message: 'Request forbidden by administrative rules.' });
    const [, given = ''] = /^(?:Bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const token = this.tokens.get(given);
    if (!token) return sendJson(response, 401, { message: 'Bad credentials' });
    const scopes = token.scope.split(',').filter(Boolean);
    response.setHeader('x-oauth-scopes', scopes.join(', '));
    response.setHeader('x-accepted-oauth-scopes', neededScope ?? '');
    const isGranted = !neededScope || scopes.includes(neededScope) || scopes.includes('user');
    if (!isGranted) return sendJson(response, 404, { message: 'Not Found' });
    return sendJson(response, 200, view(token.person));
  }

  private emailsOf({ email, emailVerified, otherEmails = [] }: Person): object[] {
    const verified = emailVerified && this.state.hostile !== 'unverified-email';
    return [{ email, primary: true, verified }, ...otherEmails].map((entry) => ({
      ...entry,
      visibility: null,
    }));
  }
}

/** `email` is the unverified public email of the profile. */
const userOf = ({ subject, email, name, publicEmail }: Person) => ({
  login: email.split('@')[0],
  id: Number(subject),
  type: 'User',
  name,
  email: publicEmail ?? null,
});

function credentialsOf(request: IncomingMessage, form: URLSearchParams) {
  const [, basic] = /^Basic (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!basic) return { clientId: form.get('client_id'), clientSecret: form.get('client_secret') };
  const [clientId, clientSecret] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  return { clientId, clientSecret };
}

const sha256 = (input: string): string => createHash('sha256').update(input).digest('base64url');

const tokenError = (error: string, description: string) => ({
  error,
  error_description: description,
  error_uri: 'https://docs.github.com/apps/troubleshooting-oauth-app-access-token-request-errors',
});

/** Errors have status 200, too. The format is a form unless the client accepts JSON. */
function answerToken(request: IncomingMessage, response: ServerResponse, body: Record<string, string>): void {
  if (request.headers.accept?.includes('json')) return sendJson(response, 200, body);
  response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' });
  response.end(new URLSearchParams(body).toString());
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
