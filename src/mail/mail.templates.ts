/** What a template may mention. The link is only there where the template asks for a token. */
export interface MailData {
  displayName: string;
  link: string;
}

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

interface Template {
  subject: string;
  /** One entry a paragraph. */
  body: (data: MailData) => string[];
  /** Label of the link, which stands by itself below the body. */
  action?: string;
}

const templates = {
  'verify-email': {
    subject: 'Confirm your address',
    body: () => ['Someone, most likely you, has registered this address. Confirm it within 24 hours:'],
    action: 'Confirm the address',
  },
  'already-registered': {
    subject: 'You already have an account',
    body: () => [
      'Someone, most likely you, has tried to register this address, which already has an account.',
      'If it was you, sign in instead. If it was not, there is nothing to do: nothing was changed.',
    ],
  },
  'reset-password': {
    subject: 'Set a new password',
    body: () => [
      'Someone, most likely you, wants to set a new password for this account. The link holds for 30 minutes:',
    ],
    action: 'Set a new password',
  },
  'password-changed': {
    subject: 'Your password was changed',
    body: () => [
      'The password of your account was changed, and other devices were signed out.',
      'If it was not you, set a new password at once: ask for a link where you sign in.',
    ],
  },
  'confirm-email-change': {
    subject: 'Confirm your new address',
    body: () => ['This is to become the address of your account. Confirm it within an hour:'],
    action: 'Confirm the new address',
  },
  'email-changed': {
    subject: 'Your address was changed',
    body: () => [
      'Your account now has another e-mail address, and this one can no longer be used to sign in.',
      'If it was not you, answer this mail at once.',
    ],
  },
  'identity-linked': {
    subject: 'Another way to sign in was added',
    body: () => [
      'An account at Google, GitHub or Apple was linked to yours and can be used to sign in to it.',
      'If it was not you, unlink it in your account’s settings and set a new password.',
    ],
  },
  'identity-unlinked': {
    subject: 'A way to sign in was removed',
    body: () => [
      'An account at Google, GitHub or Apple was unlinked from yours, and other devices were signed out.',
      'If it was not you, set a new password at once: ask for a link where you sign in.',
    ],
  },
  'webhook-endpoint-disabled': {
    subject: 'A webhook endpoint was switched off',
    body: () => [
      'One of your webhook endpoints takes nothing any more, so nothing more is sent to it: either it said that it is gone, or it has failed for five days.',
      'When it works again, switch it on again, and send once more what it has missed.',
    ],
  },
  'refresh-token-reused': {
    subject: 'A device was signed out for your safety',
    body: () => [
      'A key of one of your sessions was used twice, which happens when somebody has copied it. The session was ended.',
      'If you were signed out by this, sign in again. If you suspect a copy, change your password.',
    ],
  },
} satisfies Record<string, Template>;

export type MailTemplate = keyof typeof templates;

/** Text and HTML of the same words. */
export function renderMail(name: MailTemplate, data: MailData): RenderedMail {
  const template: Template = templates[name];
  const paragraphs = [`Hello ${data.displayName},`, ...template.body(data)];
  const html = paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`);
  if (template.action) {
    paragraphs.push(data.link);
    html.push(`<p><a href="${escapeHtml(data.link)}">${escapeHtml(template.action)}</a></p>`);
  }
  return {
    subject: template.subject,
    text: `${paragraphs.join('\n\n')}\n`,
    html: `<!doctype html><html lang="en"><body>${html.join('')}</body></html>`,
  };
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
