import type { z } from 'zod';

export interface MailContent {
  subject: string;
  paragraphs: string[];
  /** A link that follows the paragraphs. */
  action?: { label: string; url: string };
}

/** A kind of mail. The feature that sends it defines it in its own folder. */
export interface MailTemplate<Data = unknown> {
  /** Unique and stable: it is stored with each mail, and mail limits count by it. */
  readonly name: string;
  /**
   * Never includes text that a user chose. Otherwise an attacker could enter the email of another person and send
   * them a message through us.
   */
  readonly data: z.ZodType<Data>;
  compose(data: Data): MailContent;
}

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

/** Renders the same content as text and as HTML. Throws if the data doesn't match the template's schema. */
export function renderMail<Data>(template: MailTemplate<Data>, data: Data): RenderedMail {
  const { subject, paragraphs, action } = template.compose(template.data.parse(data));
  const text = ['Hello,', ...paragraphs];
  const html = text.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`);
  if (action) {
    text.push(action.url);
    html.push(`<p><a href="${escapeHtml(action.url)}">${escapeHtml(action.label)}</a></p>`);
  }
  return {
    subject,
    text: `${text.join('\n\n')}\n`,
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
