import type { Response, Test } from 'supertest';
import type { TestApp } from './app.ts';
import { SignedIn } from './client.ts';
import type { Program } from './program.ts';
import type { ProviderName } from './providers/person.ts';
import { type Callback, visit } from './providers/visit.ts';

interface Cookie {
  value: string;
  sameSite: string;
}

/** The origin of the request: our page, a link on another site, or a form that another site posts. */
type Initiator = 'own page' | 'foreign link' | 'foreign form';

const SENT: Record<Initiator, string[]> = {
  'own page': ['none', 'lax', 'strict'],
  'foreign link': ['none', 'lax'],
  'foreign form': ['none'],
};

/** A minimal browser for sign-in: it stores cookies and respects SameSite. */
export class Browser {
  readonly cookies = new Map<string, Cookie>();

  constructor(private readonly app: TestApp) {}

  /** Starts a sign-in. Resolves to the redirect to the provider. */
  async startSignIn(provider: ProviderName, query: object = {}, instance?: Program): Promise<Response> {
    const request = this.app.http(instance).get(`/v1/auth/oauth/${provider}`).query(query);
    return this.send(request, 'own page');
  }

  /** Sends the callback of the provider. */
  async sendCallback({ method, url, fields }: Callback, instance?: Program): Promise<Response> {
    const http = this.app.http(instance);
    if (method === 'GET') return this.send(http.get(`${url.pathname}?${fields.toString()}`), 'foreign link');
    return this.send(http.post(url.pathname).type('form').send(fields.toString()), 'foreign form');
  }

  /** Signs in as the current person of the fake provider. Resolves to the final URL. */
  async completeSignIn(provider: ProviderName, query: object = {}, instance?: Program): Promise<URL> {
    const redirect = await this.startSignIn(provider, query, instance);
    const answer = await this.sendCallback(await visit(locationOf(redirect)), instance);
    return new URL(locationOf(answer));
  }

  async exchange(code: string | null, body: object = {}, instance?: Program): Promise<Response> {
    const request = this.app.http(instance).post('/v1/auth/oauth/exchange');
    return this.send(request.send({ code, ...body }), 'own page');
  }

  async signIn(provider: ProviderName): Promise<SignedIn> {
    const end = await this.completeSignIn(provider);
    const answer = await this.exchange(end.searchParams.get('code'));
    if (answer.status !== 200) throw new Error(`Signing in ended at ${end.href}: ${answer.text}`);
    const { accessToken, refreshToken } = (
      answer.body as { data: { accessToken: string; refreshToken: string } }
    ).data;
    const me = await this.app.http().get('/v1/users/me').set('authorization', `Bearer ${accessToken}`);
    return new SignedIn(this.app, (me.body as { data: SignedIn['user'] }).data, accessToken, refreshToken);
  }

  /** Links a provider to the signed-in account. Resolves to the final URL. */
  async link(provider: ProviderName, person: SignedIn): Promise<URL> {
    const begun = await this.startLink(provider, person);
    if (begun.status !== 200) throw new Error(`Linking failed: ${begun.text}`);
    const { authorizationUrl } = (begun.body as { data: { authorizationUrl: string } }).data;
    return new URL(locationOf(await this.sendCallback(await visit(authorizationUrl))));
  }

  startLink(provider: ProviderName, person: SignedIn, body: object = {}): Promise<Response> {
    return this.send(person.post(`/v1/auth/oauth/${provider}/link`, body), 'own page');
  }

  private async send(request: Test, initiator: Initiator): Promise<Response> {
    const sent = [...this.cookies].filter(([, { sameSite }]) => SENT[initiator].includes(sameSite));
    if (sent.length > 0)
      request.set('cookie', sent.map(([name, { value }]) => `${name}=${value}`).join('; '));
    const answer = await request;
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) this.storeCookie(line);
    return answer;
  }

  private storeCookie(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const [name = '', value = ''] = pair.split('=');
    const sameSite = attributes
      .find((attribute) => attribute.startsWith('SameSite='))
      ?.slice('SameSite='.length);
    this.cookies.set(name, { value, sameSite: (sameSite ?? 'lax').toLowerCase() });
  }
}

export function locationOf(answer: Response): string {
  if (answer.status !== 302) throw new Error(`Expected a redirect, not ${answer.status}: ${answer.text}`);
  return String(answer.headers['location']);
}
