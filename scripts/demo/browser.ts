import { Failure } from './terminal.ts';

export interface Person {
  email: string;
  name: string;
}

const STEPS_MAX = 15;
const TIMEOUT_MS = 15_000;

/** As much of a browser as a provider's sign-in takes: cookies, redirects, and forms without scripts. */
export class Browser {
  private readonly cookies = new Map<string, Map<string, string>>();

  /** Goes to the address and on, signing in as this person where a fake provider asks, until it is sent to `end`. */
  async travel(start: string, end: string, person: Person): Promise<URL> {
    let next: Request = { url: new URL(start) };
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (next.url.href.split('?')[0] === end) return next.url;
      next = await this.go(next, person);
    }
    throw new Failure(`to be sent to ${end}`, `more than ${STEPS_MAX} stops`);
  }

  /** What to send in a `Cookie` header to this address. */
  cookieHeader(address: string | URL): string {
    const jar = this.cookies.get(new URL(address).hostname);
    return [...(jar ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  remember(address: string | URL, headers: Headers): void {
    const { hostname } = new URL(address);
    const jar = this.cookies.get(hostname) ?? new Map<string, string>();
    this.cookies.set(hostname, jar);
    for (const line of headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', ...value] = pair.split('=');
      if (value.join('=') === '') jar.delete(name);
      else jar.set(name, value.join('='));
    }
  }

  private async go({ url, form }: Request, person: Person): Promise<Request> {
    const response = await fetch(url, {
      ...(form && { method: 'POST', body: form }),
      headers: { Cookie: this.cookieHeader(url) },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    this.remember(url, response.headers);
    const location = response.headers.get('location');
    const page = await response.text();
    if (location) return { url: new URL(location, url) };
    const posted = submit(page, url, person);
    if (!posted)
      throw new Failure('a redirect or a form', `${response.status} from ${url.origin}${url.pathname}`);
    return posted;
  }
}

interface Request {
  url: URL;
  /** Posted where there is one. */
  form?: URLSearchParams;
}

/** The form of a page, filled in as the person where it asks who it is. */
function submit(page: string, url: URL, { email, name }: Person): Request | undefined {
  const forms = page.split(/<form\b/i).slice(1);
  const asking = forms.find((form) => /name="email" type="email"/.test(form));
  const chosen = asking ?? forms[0];
  const [, action] = /action="([^"]*)"/.exec(chosen ?? '') ?? [];
  if (!chosen || action === undefined) return undefined;
  const form = new URLSearchParams();
  for (const [, field = '', value = ''] of chosen.matchAll(
    /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
  )) {
    form.append(field, unescape(value));
  }
  if (asking) {
    form.set('email', email);
    form.set('name', name);
    form.set('verified', 'yes');
  }
  return { url: new URL(unescape(action), url), form };
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'" };

const unescape = (text: string): string =>
  text.replace(/&(\w+|#\d+);/g, (whole, entity: string) => ENTITIES[entity] ?? whole);
