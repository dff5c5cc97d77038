import { PRESET_PERSONS, type Person, personFrom, type ProviderName } from './person.ts';

const TITLES = { google: 'Google', github: 'GitHub', apple: 'Apple' };

/**
 * The sign-in page for developers. It posts to `action`, with the `hidden` fields. It has no scripts,
 * so it depends on forms only.
 */
export function signInPage(
  provider: ProviderName,
  action: string,
  hidden: Record<string, string> = {},
): string {
  const carried = Object.entries(hidden)
    .map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
    .join('');
  const form = (content: string) =>
    `<form method="post" action="${escape(action)}">${carried}${content}</form>`;
  const presets = PRESET_PERSONS.map((person) =>
    form(
      `<input type="hidden" name="email" value="${person.email}"><input type="hidden" name="name" value="${person.name}">` +
        (person.emailVerified ? '<input type="hidden" name="verified" value="yes">' : '') +
        `<button>${person.name} &lt;${person.email}&gt;${person.emailVerified ? '' : ', address not verified'}</button>`,
    ),
  ).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>${TITLES[provider]} (fake provider)</title>
<style>body { font: 1rem/1.5 system-ui; max-width: 30rem; margin: 3rem auto } form { margin: 0.5rem 0 } label { display: block }</style>
<h1>${TITLES[provider]} (fake provider)</h1>
<p>This is not ${TITLES[provider]}: it is for development, and believes whatever you say.</p>
<h2>Sign in as</h2>
${presets}
<h2>Or another person</h2>
${form(`<label>Email <input name="email" type="email" required></label>
<label>Name <input name="name" value="Some Body" required></label>
<label><input name="verified" type="checkbox" value="yes" checked> The address is verified</label>
<button>Sign in</button>`)}
${form('<button name="deny" value="yes">Deny</button>')}
</html>
`;
}

/** The posted form; undefined: "Deny". */
export function postedPerson(provider: ProviderName, form: URLSearchParams): Person | undefined {
  const email = form.get('email');
  if (form.has('deny') || !email) return undefined;
  const name = form.get('name') || email;
  return personFrom(provider, { email, name, emailVerified: form.get('verified') === 'yes' });
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
