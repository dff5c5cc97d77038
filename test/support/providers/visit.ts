/** The request that the provider makes the browser send to the application. */
export interface Callback {
  method: 'GET' | 'POST';
  /** The URL; for a POST without the form fields. */
  url: URL;
  /** The response of the provider, from the query or the form. */
  fields: URLSearchParams;
}

/** Signs in as `control.person`. Follows redirects until the callback. */
export async function visit(authorizationUrl: string | URL): Promise<Callback> {
  const answer = await fetch(authorizationUrl, { redirect: 'manual' });
  const location = answer.headers.get('location');
  const page = await answer.text();
  if (location) {
    const url = new URL(location);
    return { method: 'GET', url, fields: url.searchParams };
  }
  const [, action] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
  if (!action) throw new Error(`The provider does not redirect, but responds ${answer.status}: ${page}`);
  const inputs = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const fields = new URLSearchParams();
  for (const [, name = '', value = ''] of inputs) fields.append(name, unescape(value));
  return { method: 'POST', url: new URL(unescape(action)), fields };
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#34': '"', '#39': "'" };
const unescape = (text: string): string =>
  text.replace(/&(\w+|#\d+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
