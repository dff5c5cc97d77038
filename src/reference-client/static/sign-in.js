import { publicRequest, signIn } from './api.js';
import { button, element, form, say, show } from './elements.js';
import { listProviders, nameOf, signInWith } from './providers.js';

// Password managers use the autocomplete values.
const email = { label: 'Email', name: 'email', type: 'email', autocomplete: 'username' };
export const password = {
  label: 'Password',
  name: 'password',
  type: 'password',
  autocomplete: 'current-password',
};
const displayName = { label: 'Name', name: 'displayName', autocomplete: 'name' };
export const newPassword = { ...password, label: 'New password', autocomplete: 'new-password' };

export async function showSignIn(signal) {
  // The forms work without the list of providers.
  const providers = await listProviders().catch(() => []);
  // Another tab may have signed in while the list was loading.
  if (signal.aborted) return;
  show(
    form('Sign in', [email, password], (values) => signIn(values.email, values.password)),
    element(
      'p',
      {},
      ...providers.map((one) => button(`Sign in with ${nameOf(one.provider)}`, () => signInWith(one))),
    ),
    form('Register', [displayName, email, newPassword], async (values) => {
      await publicRequest('POST', '/v1/auth/register', values);
      // The same message for every email, so that the page does not reveal who has an account.
      say('We sent you an email. Open the link in it and enter your password.');
    }),
    form('Forgot password', [email], async (values) => {
      await publicRequest('POST', '/v1/auth/forgot-password', values);
      say('If this email has an account, we sent you an email.');
    }),
  );
}
