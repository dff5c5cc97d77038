import { publicRequest, verifyEmail } from './api.js';
import { element, form, say, show } from './elements.js';
import { pageUrl } from './providers.js';
import { newPassword, password } from './sign-in.js';

/** The pages of links in mails, by path. Each needs a click, because mail scanners open links too. */
const pages = {
  '/verify-email': {
    title: 'Verify email',
    inputs: [password],
    // This signs in, so the account page is shown next.
    submit: (token, values) => verifyEmail(token, values.password),
  },
  '/reset-password': {
    title: 'Choose a new password',
    inputs: [newPassword],
    submit: (token, values) => submitToken('/v1/auth/reset-password', { token, ...values }),
  },
  '/confirm-email-change': {
    title: 'Confirm the new email',
    inputs: [],
    submit: (token) => submitToken('/v1/auth/confirm-email-change', { token }),
  },
};

/** Shows the page if the URL is a link of a mail. */
export function showMailedLink(url) {
  const page = pages[url.pathname];
  const token = url.searchParams.get('token');
  if (!page || !token) return false;
  show(form(page.title, page.inputs, (values) => page.submit(token, values)));
  return true;
}

async function submitToken(path, body) {
  await publicRequest('POST', path, body);
  show(element('a', { href: pageUrl() }, 'Continue'));
  say('Done.');
}
