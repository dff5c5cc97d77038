import { exchange, restoreSession, watchSession } from './api.js';
import { showAccount } from './account.js';
import { attempt, say, showBeside } from './elements.js';
import { exportPanel, importPanel } from './job-starters.js';
import { showMailedLink } from './mailed-link.js';
import { NotificationsPanel } from './notifications.js';
import { nameOf } from './providers.js';
import { showSignIn } from './sign-in.js';

/** What the journey to a provider may end with: the API's codes in lower case. */
const ERRORS = {
  access_denied: 'The provider was not allowed to tell who you are.',
  provider_unavailable: 'The provider does not answer. Try again later.',
  account_exists: 'There is an account with this address: sign in to it, then link the provider.',
  identity_conflict: 'It belongs to somebody else here, or you have linked another one of this provider.',
  email_unverified: 'The provider does not vouch for your address.',
};

/** Ends the streams of whoever was here before, and what was being loaded for them. */
let leaving = new AbortController();

async function start() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  showBeside();
  if (await restoreSession()) await showSignedIn(signal);
  else await showSignIn(signal);
}

async function showSignedIn(signal) {
  const user = await showAccount(signal);
  if (!user) return;
  showBeside(
    new NotificationsPanel(signal).node,
    exportPanel(signal),
    ...(user.role === 'admin' ? [importPanel(signal)] : []),
  );
}

async function open() {
  const url = new URL(location.href);
  // Codes and tokens are for one use, and have no business in the history or in an address that is copied.
  if (url.search) history.replaceState(null, '', url.pathname);
  if (showMailedLink(url)) return;
  const { code, error, linked } = Object.fromEntries(url.searchParams);
  let message = linked ? `${nameOf(linked)} is linked.` : '';
  if (error) message = ERRORS[error] ?? 'The sign-in failed.';
  // Whoever was signed in before a sign-in that failed still is.
  if (code)
    message = await exchange(code).then(
      () => 'Welcome.',
      (failure) => failure.message,
    );
  await start();
  say(message);
}

watchSession(() => void attempt(start));
void attempt(open);
