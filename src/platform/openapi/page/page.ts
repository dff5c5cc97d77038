import { ApiClient } from '../../../../clients/typescript/src/index.ts';

declare const Scalar: { createApiReference(selector: string, configuration: object): void };

/** The passwords of the seed, which runs in development only. */
const SEEDED: Record<string, string> = {
  'user@example.com': 'development-only-user',
  'admin@example.com': 'development-only-admin',
};
/** Renews an access token that expires during the request. */
const MARGIN_MS = 5_000;

const api = new ApiClient({ baseUrl: location.origin });
const form = document.querySelector<HTMLFormElement>('#sign-in')!;
const [state, button] = [form.querySelector('output')!, form.querySelector('button')!];
const field = (name: string): HTMLInputElement => form.elements.namedItem(name) as HTMLInputElement;

/** Requests of the page carry the access token of the user who signed in at the top. */
async function authorize({ request }: { request: Request }): Promise<void> {
  await api.session.renewIfExpiring(MARGIN_MS);
  const token = await api.session.accessToken();
  if (token) request.headers.set('authorization', `Bearer ${token}`);
}

async function signInOrOut(): Promise<void> {
  const { value: email } = field('email');
  if (form.classList.contains('signed-in')) await api.session.signOut();
  else await api.session.signIn(email, field('password').value);
  const isSignedIn = await api.session.restore();
  form.classList.toggle('signed-in', isSignedIn);
  button.textContent = isSignedIn ? 'Sign out' : 'Sign in';
  say(isSignedIn ? `Signed in as ${email}. “Test Request” sends the token.` : '');
}

function say(text: string, hasFailed = false): void {
  state.textContent = text;
  state.classList.toggle('failed', hasFailed);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  signInOrOut().catch((error: Error) => say(error.message, true));
});

if (form.dataset['seeded'] === 'yes') {
  form.querySelector('datalist')!.append(...Object.keys(SEEDED).map((email) => new Option(email, email)));
  const fillPassword = (): void => {
    field('password').value = SEEDED[field('email').value] ?? field('password').value;
  };
  field('email').value = Object.keys(SEEDED)[0]!;
  field('email').addEventListener('input', fillPassword);
  fillPassword();
}

interface Parameter {
  required?: boolean;
  example?: unknown;
  examples?: unknown;
}

/**
 * The reference sends every parameter that has an example. An optional one must not be sent unless the user adds it: a
 * cursor or If-None-Match of an example would change the response.
 */
function withoutOptionalExamples(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('in' in value && 'schema' in value)) return value;
  const { example: _example, examples: _examples, ...rest } = value as Parameter;
  return rest.required ? value : rest;
}

const response = await fetch('/openapi.json');
Scalar.createApiReference('#reference', {
  content: JSON.parse(await response.text(), withoutOptionalExamples),
  documentDownloadType: 'none',
  onRequestBuilt: authorize,
  authentication: { preferredSecurityScheme: 'bearer' },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  // Load nothing from other hosts.
  withDefaultFonts: false,
  telemetry: false,
  proxyUrl: '',
  mcp: { disabled: true },
  agent: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
});
