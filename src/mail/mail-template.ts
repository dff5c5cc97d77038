import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Locale, Translated } from '../platform/i18n/locales.ts';
import { Registry } from '../platform/registry/registry.ts';

/** The words of one mail in one language. The layout adds the greeting and the link. */
export interface MailText {
  subject: string;
  paragraphs: readonly string[];
  /** The label of the link. */
  action?: string;
}

/** A kind of mail. The feature that sends it defines it, and registers it with `MailModule.forFeature`. */
export interface MailTemplate<Schema extends z.ZodObject = z.ZodObject> {
  /** Unique and stable: it is stored with each mail, and mail limits count by it. */
  readonly name: string;
  /** Stored encrypted until the mail is sent. JSON values only: for a time use `z.iso.datetime()`. */
  readonly data: Schema;
  text(data: z.output<Schema>, locale: Locale): MailText;
  /** The target of the link: a path below FRONTEND_URL that starts with a slash. */
  link?(data: z.output<Schema>): string;
  /**
   * Also sent to an email that its owner has not verified. Then `data` must not contain text that a user chose: an attacker
   * could register the email of another person, and send them a message through us.
   */
  readonly toUnverified?: boolean;
}

/** Checks the definition and infers the type of its data. */
export const defineMail = <Schema extends z.ZodObject>(
  template: MailTemplate<Schema>,
): MailTemplate<Schema> => template;

@Injectable()
export class MailTemplates extends Registry<MailTemplate> {
  protected keyOf({ name }: MailTemplate): string {
    return name;
  }
}

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

const GREETINGS: Translated<string> = { en: 'Hello,', de: 'Hallo,' };

/** Renders one text in the shared layout, as plain text and as HTML. Throws if the data doesn't match the schema. */
export function renderMail<Schema extends z.ZodObject>(
  template: MailTemplate<Schema>,
  data: unknown,
  { locale, frontendUrl }: { locale: Locale; frontendUrl: string },
): RenderedMail {
  const valid = template.data.parse(data);
  const { subject, paragraphs, action } = template.text(valid, locale);
  const url = template.link && linkUrl(frontendUrl, template.link(valid));
  const lines = [GREETINGS[locale], ...paragraphs].map(asLine);
  return {
    subject: asLine(subject),
    text: `${[...lines, ...(url ? [url] : [])].join('\n\n')}\n`,
    html: page(locale, [...lines.map(paragraph), ...(url ? [button(url, action ?? url)] : [])]),
  };
}

/** One line without control characters, so that a value can't add a header or imitate another paragraph. */
const asLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

/** A mail links only to our own pages: never to a URL in its data, and never to the Host header of a request. */
function linkUrl(frontendUrl: string, path: string): string {
  if (!path.startsWith('/')) throw new Error(`The path of a link must start with a slash`);
  return `${frontendUrl}${path}`;
}

const paragraph = (text: string): string => `<p>${escapeHtml(text)}</p>`;

const button = (url: string, label: string): string =>
  `<p><a href="${escapeHtml(url)}" style="${BUTTON_STYLE}">${escapeHtml(label)}</a></p>`;

/** Inline, because mail programs ignore style sheets. */
const PAGE_STYLE = 'max-width:34em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif;color:#1a1a1a';
const BUTTON_STYLE =
  'display:inline-block;padding:.6em 1.2em;border-radius:4px;background:#1a56db;color:#fff;text-decoration:none';

const page = (locale: Locale, parts: string[]): string =>
  `<!doctype html><html lang="${locale}"><head><meta charset="utf-8"></head>` +
  `<body style="${PAGE_STYLE}">${parts.join('')}</body></html>`;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
