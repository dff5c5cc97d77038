import { publicRequest, verifyEmail } from './api.js';
import { element, form, say, show } from './elements.js';
import { pageUrl } from './providers.js';
import { newPassword, password } from './sign-in.js';

/** The pages that links in mails open, by path. Each needs a click, because programs that scan mails open links too. */
const pages = {
  '/verify-email': {
    title: 'Verify email',
    inputs: [password],
    // Signs in, so the page of the account follows.
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

/** Shows the page if the URL is such a link. */
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
