import { request, signOut } from './api.js';
import { button, element, show } from './elements.js';
import { link, listProviders, nameOf } from './providers.js';

/** Resolves to who it is. */
export async function showAccount() {
  // All at once: where the access token has run out, they refresh it once together.
  const [user, sessions, identities, providers] = await Promise.all([
    request('GET', '/v1/users/me'),
    request('GET', '/v1/auth/sessions'),
    request('GET', '/v1/users/me/identities'),
    listProviders(),
  ]);
  show(
    element('h2', {}, 'Profile'),
    element('p', { id: 'profile' }, `${user.displayName}, ${user.email} (${user.role})`),
    button('Sign out', signOut),
    button('Show anew', showAccount),
    user.role === 'admin' ? element('p', {}, element('a', { href: '/admin/queues' }, 'Queues')) : '',
    element('h2', {}, 'Sessions'),
    element('ul', { id: 'sessions' }, ...sessions.map(sessionLine)),
    element('h2', {}, 'Linked identities'),
    element('ul', { id: 'identities' }, ...providers.map((one) => identityLine(one.provider, identities))),
  );
  return user;
}

function sessionLine({ id, userAgent, ipAddress, lastUsedAt, current }) {
  const device = `${userAgent ?? 'Unknown device'} at ${ipAddress ?? 'an unknown address'}`;
  const text = `${device}, last used ${new Date(lastUsedAt).toLocaleString()}`;
  if (current) return element('li', {}, text, element('strong', {}, ' (this one)'));
  return element(
    'li',
    {},
    text,
    button('End', () => andShow(request('DELETE', `/v1/auth/sessions/${id}`))),
  );
}

function identityLine(provider, identities) {
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
  const unlink = () => andShow(request('DELETE', `/v1/users/me/identities/${provider}`));
  return element('li', {}, `${name}: ${identity.email ?? 'no address'}`, button(`Unlink ${name}`, unlink));
}

async function andShow(change) {
  await change;
  await showAccount();
}
