import { publicRequest } from './api.js';
import { element, form, say, show } from './elements.js';
import { pageUrl } from './providers.js';
import { newPassword } from './sign-in.js';

/** What the links in mails lead to, by their path. Each asks for a click: programs that scan mails follow links, too. */
const pages = {
  '/verify-email': { title: 'Confirm the address', inputs: [], path: '/v1/auth/verify-email' },
  '/reset-password': { title: 'Set the password', inputs: [newPassword], path: '/v1/auth/reset-password' },
  '/confirm-email-change': {
    title: 'Take the new address',
    inputs: [],
    path: '/v1/auth/confirm-email-change',
  },
};

/** Whether this is the address of such a link. */
export function showMailedLink(url) {
  const page = pages[url.pathname];
  const token = url.searchParams.get('token');
  if (!page || !token) return false;
  show(
    form(page.title, page.inputs, async (values) => {
      await publicRequest('POST', page.path, { token, ...values });
      show(element('a', { href: pageUrl() }, 'Go on'));
      say('Done.');
    }),
  );
  return true;
}
