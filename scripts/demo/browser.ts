import { Failure } from './terminal.ts';

export interface Person {
  email: string;
  name: string;
}

const STEPS_MAX = 15;
const TIMEOUT_MS = 15_000;

/** A minimal browser for provider sign-ins: cookies, redirects, and forms without scripts. */
export class Browser {
  private readonly cookies = new Map<string, Map<string, string>>();

  /** Follows redirects and forms from `start` until the URL is `end`. Signs in as this person at a fake provider. */
  async navigate(start: string, end: string, person: Person): Promise<URL> {
    let next: Request = { url: new URL(start) };
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (next.url.href.split('?')[0] === end) return next.url;
      next = await this.send(next, person);
    }
    throw new Failure(`a redirect to ${end}`, `more than ${STEPS_MAX} redirects`);
  }

  /** The `Cookie` header for this URL. */
  cookieHeader(url: string | URL): string {
    const jar = this.cookies.get(new URL(url).hostname);
    return [...(jar ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  storeCookies(url: string | URL, headers: Headers): void {
    const { hostname } = new URL(url);
    const jar = this.cookies.get(hostname) ?? new Map<string, string>();
    this.cookies.set(hostname, jar);
    for (const line of headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', ...value] = pair.split('=');
      if (value.join('=') === '') jar.delete(name);
      else jar.set(name, value.join('='));
    }
  }

  private async send({ url, form }: Request, person: Person): Promise<Request> {
    const response = await fetch(url, {
      ...(form && { method: 'POST', body: form }),
      headers: { Cookie: this.cookieHeader(url) },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    this.storeCookies(url, response.headers);
    const location = response.headers.get('location');
    const page = await response.text();
    if (location) return { url: new URL(location, url) };
    const submission = fillForm(page, url, person);
    if (!submission)
      throw new Failure('a redirect or a form', `${response.status} from ${url.origin}${url.pathname}`);
    return submission;
  }
}

interface Request {
  url: URL;
  /** Sent with POST, if present. */
  form?: URLSearchParams;
}

/** The form of a page. A form that asks for an email is filled in with the person. */
function fillForm(page: string, url: URL, { email, name }: Person): Request | undefined {
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
