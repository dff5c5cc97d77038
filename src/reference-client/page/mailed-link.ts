import { element, type Field, form, say, show } from './elements.ts';
import { texts } from './language.ts';
import { api, pageUrl } from './providers.ts';
import { fields } from './sign-in.ts';

interface Page {
  title: string;
  inputs: Field[];
  submit(token: string, password: string): Promise<void>;
}

/** The pages of links in mails, by path. Each needs a click, because mail scanners open links too. */
const pages = (): Partial<Record<string, Page>> => ({
  '/verify-email': {
    title: texts().verifyEmail,
    inputs: [fields().password],
    // This signs in, so the account page is shown next.
    submit: (token, password) => api.session.verifyEmail(token, password),
  },
  '/reset-password': {
    title: texts().choosePassword,
    inputs: [fields().newPassword],
    submit: async (token, password) => {
      await api.post('/v1/auth/reset-password', { body: { token, password } });
      showDone();
    },
  },
  '/confirm-email-change': {
    title: texts().confirmEmail,
    inputs: [],
    submit: async (token) => {
      await api.post('/v1/auth/confirm-email-change', { body: { token } });
      showDone();
    },
  },
});

/** Shows the page if the URL is a link of a mail. */
export function showMailedLink(url: URL): boolean {
  const page = pages()[url.pathname];
  const token = url.searchParams.get('token');
  if (!page || !token) return false;
  show(form<{ password: string }>(page.title, page.inputs, ({ password }) => page.submit(token, password)));
  return true;
}

function showDone(): void {
  show(element('p', { className: 'card' }, element('a', { href: pageUrl() }, texts().continue)));
  say(texts().done);
}
