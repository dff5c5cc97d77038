import { showAccount } from './account.ts';
import { attempt, say, showAside } from './elements.ts';
import { exportPanel } from './export-panel.ts';
import { importPanel } from './import-panel.ts';
import { showMailedLink } from './mailed-link.ts';
import { NotificationsPanel } from './notifications.ts';
import { api, nameOf } from './providers.ts';
import { showSignIn } from './sign-in.ts';

/** The error codes that a sign-in with a provider can return, in lower case. */
const ERRORS: Partial<Record<string, string>> = {
  access_denied: 'You denied access at the provider.',
  provider_unavailable: 'The provider does not respond. Try again later.',
  account_exists: 'An account with this email exists. Sign in to it, then link the provider.',
  identity_conflict:
    'This identity belongs to another account, or you have already linked another identity of this provider.',
  email_unverified: 'The provider has not verified your email.',
};

/** Aborts the streams and requests of the previous page state. */
let current = new AbortController();

async function start(): Promise<void> {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  showAside();
  let isSignedIn = false;
  try {
    isSignedIn = await api.session.restore();
  } catch (error) {
    // Without the form the page would be unusable until the next reload.
    await showSignIn(signal);
    throw error;
  }
  if (isSignedIn) await showSignedIn(signal);
  else await showSignIn(signal);
}

async function showSignedIn(signal: AbortSignal): Promise<void> {
  const user = await showAccount(signal);
  if (!user) return;
  const panels = [new NotificationsPanel(signal).node, exportPanel(signal)];
  if (user.role === 'admin') panels.push(importPanel(signal));
  showAside(...panels);
}

async function open(): Promise<void> {
  const url = new URL(location.href);
  // Remove codes and tokens from the address bar, so that they end up neither in the history nor in a copied URL.
  if (url.search) history.replaceState(null, '', url.pathname);
  if (showMailedLink(url)) return;
  const [code, error, linked] = ['code', 'error', 'linked'].map((name) => url.searchParams.get(name));
  let message = linked ? `${nameOf(linked)} is linked.` : '';
  if (error) message = ERRORS[error] ?? 'The sign-in failed.';
  // A failed sign-in keeps the previous session.
  if (code)
    message = await api.session.exchangeCode(code).then(
      () => 'Welcome.',
      (failure: Error) => failure.message,
    );
  await start();
  say(message);
}

api.session.watch(() => void attempt(start));
void attempt(open);
