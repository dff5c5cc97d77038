import { request, signOut } from './api.js';
import { button, element, show } from './elements.js';
import { link, listProviders, nameOf } from './providers.js';

/** Resolves to the user, or to undefined if `signal` aborted because the session changed. */
export async function showAccount(signal) {
  // In parallel. If the access token has expired, the requests share one refresh.
  const [user, sessions, identities, providers] = await Promise.all([
    request('GET', '/v1/users/me'),
    request('GET', '/v1/auth/sessions'),
    request('GET', '/v1/users/me/identities'),
    listProviders(),
  ]);
  if (signal.aborted) return undefined;
  const again = () => showAccount(signal);
  show(
    element('h2', {}, 'Profile'),
    element('p', { id: 'profile' }, `${user.displayName}, ${user.email} (${user.role})`),
    button('Sign out', signOut),
    button('Refresh', again),
    user.role === 'admin' ? element('p', {}, element('a', { href: '/admin/queues' }, 'Queues')) : '',
    element('h2', {}, 'Sessions'),
    element('ul', { id: 'sessions' }, ...sessions.map((one) => sessionLine(one, again))),
    element('h2', {}, 'Linked identities'),
    element(
      'ul',
      { id: 'identities' },
      ...providers.map((one) => identityLine(one.provider, identities, again)),
    ),
  );
  return user;
}

function sessionLine({ id, userAgent, ipAddress, lastUsedAt, current }, again) {
  const device = `${userAgent ?? 'Unknown device'} at ${ipAddress ?? 'an unknown IP address'}`;
  const text = `${device}, last used ${new Date(lastUsedAt).toLocaleString()}`;
  if (current) return element('li', {}, text, element('strong', {}, ' (this one)'));
  return element(
    'li',
    {},
    text,
    button('End', () => request('DELETE', `/v1/auth/sessions/${id}`).then(again)),
  );
}

function identityLine(provider, identities, again) {
  const identity = identities.find((one) => one.provider === provider);
  const name = nameOf(provider);
  if (!identity) {
    return element(
      'li',
      {},
      name,
      button(`Link ${name}`, () => link(provider)),
    );
  }
  const unlink = () => request('DELETE', `/v1/users/me/identities/${provider}`).then(again);
  return element('li', {}, `${name}: ${identity.email ?? 'no email'}`, button(`Unlink ${name}`, unlink));
}
