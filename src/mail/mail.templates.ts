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
