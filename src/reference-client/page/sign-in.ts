import { button, element, type Field, form, say, show } from './elements.ts';
import { api, listProviders, nameOf, signInWith } from './providers.ts';

interface SignIn {
  email: string;
  password: string;
}

interface Registration extends SignIn {
  displayName: string;
}

// Password managers use the autocomplete values.
const email: Field = { label: 'Email', name: 'email', type: 'email', autocomplete: 'username' };
export const password: Field = {
  label: 'Password',
  name: 'password',
  type: 'password',
  autocomplete: 'current-password',
};
const displayName: Field = { label: 'Name', name: 'displayName', autocomplete: 'name' };
export const newPassword: Field = {
  ...password,
  label: 'New password',
  autocomplete: 'new-password',
  hint: 'At least 12 characters.',
};

export async function showSignIn(signal: AbortSignal): Promise<void> {
  // The forms work without the list of providers.
  const providers = await listProviders().catch(() => []);
  // Another tab may have signed in while the list was loading.
  if (signal.aborted) return;
  const signIn = form<SignIn>('Sign in', [email, password], (values) =>
    api.session.signIn(values.email, values.password),
  );
  const buttons = providers.map((one) =>
    button(`Sign in with ${nameOf(one.provider)}`, () => signInWith(one)),
  );
  show(
    element('div', { className: 'card' }, signIn, element('div', { className: 'providers' }, ...buttons)),
    form<Registration>('Register', [displayName, email, newPassword], async (body) => {
      await api.post('/v1/auth/register', { body });
      // The same message for every email, so that the page does not reveal who has an account.
      say('We sent you an email. Open the link in it and enter your password.');
    }),
    form<{ email: string }>('Forgot password', [email], async (body) => {
      await api.post('/v1/auth/forgot-password', { body });
      say('If this email has an account, we sent you an email.');
    }),
  );
}
