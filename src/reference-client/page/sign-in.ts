import { button, element, form, say, show } from './elements.ts';
import { texts } from './language.ts';
import { api, listProviders, nameOf, signInWith } from './providers.ts';

interface SignIn {
  email: string;
  password: string;
}

interface Registration extends SignIn {
  displayName: string;
}

/** The inputs of the forms. Password managers use the autocomplete values. */
export const fields = () => ({
  email: { label: texts().email, name: 'email', type: 'email', autocomplete: 'username' } as const,
  password: {
    label: texts().password,
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
  } as const,
  newPassword: {
    label: texts().newPassword,
    name: 'password',
    type: 'password',
    autocomplete: 'new-password',
    hint: texts().newPasswordHint,
  } as const,
  displayName: { label: texts().name, name: 'displayName', autocomplete: 'name' } as const,
});

export async function showSignIn(signal: AbortSignal): Promise<void> {
  // The forms work without the list of providers.
  const providers = await listProviders().catch(() => []);
  // Another tab may have signed in while the list was loading.
  if (signal.aborted) return;
  const { email, password, newPassword, displayName } = fields();
  const signIn = form<SignIn>(texts().signIn, [email, password], (values) =>
    api.session.signIn(values.email, values.password),
  );
  const buttons = providers.map((one) =>
    button(texts().signInWith(nameOf(one.provider)), () => signInWith(one)),
  );
  show(
    element('div', { className: 'card' }, signIn, element('div', { className: 'providers' }, ...buttons)),
    form<Registration>(texts().register, [displayName, email, newPassword], async (body) => {
      await api.post('/v1/auth/register', { body });
      say(texts().registered);
    }),
    form<{ email: string }>(texts().forgotPassword, [email], async (body) => {
      await api.post('/v1/auth/forgot-password', { body });
      say(texts().resetSent);
    }),
  );
}
