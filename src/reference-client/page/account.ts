import type { components, User } from '../../../clients/typescript/src/index.ts';
import { avatar, avatarForm } from './avatar.ts';
import { button, element, section, show, time } from './elements.ts';
import { setLanguage, texts } from './language.ts';
import { api, link, listProviders, nameOf, type ProviderName } from './providers.ts';

type Session = components['schemas']['Session'];
type Identity = components['schemas']['Identity'];
/** Browsers and their marks in the User-Agent header. A browser may also send the marks of later entries. */
const BROWSERS = [
  ['Edge', 'Edg'],
  ['Opera', 'OPR'],
  ['Firefox', 'Firefox'],
  ['Chrome', 'Chrome'],
  ['Safari', 'Safari'],
] as const;
const SYSTEMS = ['Windows', 'Android', 'iPhone', 'iPad', 'Mac OS', 'Linux'];

type Again = () => Promise<unknown>;

/** Resolves to the permissions of the user, or to undefined if `signal` aborted because the session changed. */
export async function showAccount(signal: AbortSignal): Promise<string[] | undefined> {
  // In parallel. If the access token has expired, the requests share one refresh.
  const [{ data: user }, { data: access }, { data: sessions }, { data: identities }, providers] =
    await Promise.all([
      api.get('/v1/users/me'),
      api.get('/v1/users/me/permissions'),
      api.get('/v1/auth/sessions'),
      api.get('/v1/users/me/identities'),
      listProviders(),
    ]);
  if (signal.aborted) return undefined;
  setLanguage(user.locale);
  const again = (): Promise<unknown> => showAccount(signal);
  const lines = providers.map((one) => identityLine(one.provider, identities, again));
  show(
    profile(user, access.permissions, again),
    section(
      texts().sessions,
      element('ul', { id: 'sessions' }, ...sessions.map((one) => sessionLine(one, again))),
    ),
    section(texts().identities, element('ul', { id: 'identities' }, ...lines)),
  );
  return access.permissions;
}

function profile(user: User, permissions: string[], again: Again): HTMLElement {
  const { displayName, email, role } = user;
  const queues = element('a', { href: '/admin/queues' }, texts().queues);
  const person = [avatar(user), nameLine(displayName, `${email} (${role})`)];
  const parts = [
    element('div', { className: 'person' }, ...person),
    element(
      'p',
      { className: 'actions' },
      button(texts().signOut, () => api.session.signOut()),
      button(texts().refresh, again),
      ...(permissions.includes('queues:watch') ? [queues] : []),
    ),
    avatarForm(user, again),
  ];
  return section(texts().profile, ...parts);
}

const nameLine = (name: string, rest: string): HTMLElement =>
  element('p', { id: 'profile' }, element('strong', {}, name), ', ', element('span', {}, rest));

function sessionLine({ id, userAgent, ipAddress, lastUsedAt, current }: Session, again: Again): HTMLElement {
  const device = element('strong', { title: userAgent ?? '' }, deviceOf(userAgent));
  const used = element(
    'small',
    {},
    texts().lastUsed(ipAddress ?? texts().unknownIpAddress),
    time(lastUsedAt),
  );
  const text = element('div', {}, device, current ? texts().thisSession : '', used);
  if (current) return element('li', {}, text);
  const end = button(texts().endSession, async () => {
    await api.delete('/v1/auth/sessions/{id}', { params: { path: { id } } });
    await again();
  });
  return element('li', {}, text, end);
}

/** For example "Chrome on Linux". */
function deviceOf(userAgent: string | null): string {
  if (!userAgent) return texts().unknownDevice;
  const [browser] = BROWSERS.find(([, mark]) => userAgent.includes(mark)) ?? [];
  const system = SYSTEMS.find((name) => userAgent.includes(name));
  return browser && system ? texts().device(browser, system) : userAgent;
}

function identityLine(provider: ProviderName, identities: Identity[], again: Again): HTMLElement {
  const identity = identities.find((one) => one.provider === provider);
  const name = nameOf(provider);
  const text = element('div', {}, element('strong', {}, name));
  if (!identity) {
    text.append(element('small', {}, texts().notLinked));
    return element(
      'li',
      {},
      text,
      button(texts().link(name), () => link(provider)),
    );
  }
  text.append(element('small', {}, identity.email ?? texts().noEmail));
  const unlink = button(texts().unlink(name), async () => {
    await api.delete('/v1/users/me/identities/{provider}', { params: { path: { provider } } });
    await again();
  });
  return element('li', {}, text, unlink);
}
