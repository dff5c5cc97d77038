import type { Visibility } from './event-stream.ts';
import { ApiClient, type ClientOptions, memoryStore } from './index.ts';

/**
 * A client for browsers.
 *
 * - The access token is kept in memory. In localStorage, an injected script could read and send it at any time.
 * - The refresh token is in an HttpOnly cookie. An injected script can use the session while the page is open, but can't
 *   steal the token. A reload starts without an access token: call `session.restore()`.
 * - All tabs share the cookie, so they notify each other of sign-ins and sign-outs and refresh one after the other.
 * - Browsers send the cookie only to an API on the same site as the page.
 */
export function createBrowserClient({
  baseUrl = location.origin,
  language,
}: Partial<Pick<ClientOptions, 'baseUrl' | 'language'>> = {}): ApiClient {
  const tabs = new BroadcastChannel('session');
  const client = new ApiClient({
    baseUrl,
    ...(language && { language }),
    refreshTokenIn: 'cookie',
    store: { ...memoryStore(), lock: lockTabs },
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a channel reaches its own origin only
    broadcast: () => tabs.postMessage('changed'),
    visibility,
  });
  tabs.addEventListener('message', () => client.session.forget());
  return client;
}

/** Only secure contexts have locks. Without them, the grace period of the API covers refreshes at the same time. */
function lockTabs<T>(work: () => Promise<T>): Promise<T> {
  const { locks } = navigator as { locks?: LockManager };
  return locks ? locks.request('session', work) : work();
}

const visibility: Visibility = {
  isHidden: () => document.hidden,
  watch: (listener, signal) => document.addEventListener('visibilitychange', listener, { signal }),
};
