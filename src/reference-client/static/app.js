import { showAccount } from './account.js';
import { exchange, restoreSession, watchSession } from './api.js';
import { attempt, say, showAside } from './elements.js';
import { exportPanel, importPanel } from './job-starters.js';
import { showMailedLink } from './mailed-link.js';
import { NotificationsPanel } from './notifications.js';
import { nameOf } from './providers.js';
import { showSignIn } from './sign-in.js';

/** The error codes that a sign-in with a provider can return, in lower case. */
const ERRORS = {
  access_denied: 'You denied access at the provider.',
  provider_unavailable: 'The provider does not respond. Try again later.',
  account_exists: 'An account with this email exists. Sign in to it, then link the provider.',
  identity_conflict:
    'This identity belongs to another account, or you have already linked another identity of this provider.',
  email_unverified: 'The provider has not verified your email.',
};

/** Aborts the streams and requests of the previous page state. */
let current = new AbortController();

async function start() {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  showAside();
  let isSignedIn = false;
  try {
    isSignedIn = await restoreSession();
  } catch (error) {
    // Without the form the page would be unusable until the next reload.
    await showSignIn(signal);
    throw error;
  }
  if (isSignedIn) await showSignedIn(signal);
  else await showSignIn(signal);
}

async function showSignedIn(signal) {
  const user = await showAccount(signal);
  if (!user) return;
  showAside(
    new NotificationsPanel(signal).node,
    exportPanel(signal),
    ...(user.role === 'admin' ? [importPanel(signal)] : []),
  );
}

async function open() {
  const url = new URL(location.href);
  // Remove codes and tokens from the address bar, so that they end up neither in the history nor in a copied URL.
  if (url.search) history.replaceState(null, '', url.pathname);
  if (showMailedLink(url)) return;
  const { code, error, linked } = Object.fromEntries(url.searchParams);
  let message = linked ? `${nameOf(linked)} is linked.` : '';
  if (error) message = ERRORS[error] ?? 'The sign-in failed.';
  // A failed sign-in keeps the previous session.
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
