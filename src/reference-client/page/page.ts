import { showAccount } from './account.ts';
import { attempt, say, showAside } from './elements.ts';
import { exportPanel } from './export-panel.ts';
import { importPanel } from './import-panel.ts';
import { setLanguage, texts } from './language.ts';
import { showMailedLink } from './mailed-link.ts';
import { NotificationsPanel } from './notifications.ts';
import { api, nameOf } from './providers.ts';
import { showSignIn } from './sign-in.ts';

/** Aborts the streams and requests of the previous page state. */
let current = new AbortController();

async function start(): Promise<void> {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  setLanguage(null);
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
  const permissions = await showAccount(signal);
  if (!permissions) return;
  const panels = [new NotificationsPanel(signal).node, exportPanel(signal)];
  if (permissions.includes('users:import')) panels.push(importPanel(signal));
  showAside(...panels);
}

function signInError(code: string): string {
  const { signInErrors, signInFailed } = texts();
  return (signInErrors as Partial<Record<string, string>>)[code] ?? signInFailed;
}

async function open(): Promise<void> {
  const url = new URL(location.href);
  // Remove codes and tokens from the address bar, so that they end up neither in the history nor in a copied URL.
  if (url.search) history.replaceState(null, '', url.pathname);
  if (showMailedLink(url)) return;
  const [code, error, linked] = ['code', 'error', 'linked'].map((name) => url.searchParams.get(name));
  let message = linked ? texts().linked(nameOf(linked)) : '';
  if (error) message = signInError(error);
  // A failed sign-in keeps the previous session.
  if (code)
    message = await api.session.exchangeCode(code).then(
      () => texts().welcome,
      (failure: Error) => failure.message,
    );
  await start();
  say(message);
}

api.session.watch(() => void attempt(start));
void attempt(open);
