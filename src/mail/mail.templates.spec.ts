import { describe, expect, it } from '@jest/globals';
import { type MailTemplate, renderMail } from './mail.templates.ts';

/** Each template, and whether it has a link. */
const TEMPLATES: Record<MailTemplate, boolean> = {
  'verify-email': true,
  'already-registered': false,
  'reset-password': true,
  'password-changed': false,
  'confirm-email-change': true,
  'email-changed': false,
  'identity-linked': false,
  'identity-unlinked': false,
  'webhook-endpoint-disabled': false,
  'refresh-token-reused': false,
};

const HOSTILE_NAMES = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `</p></body></html><h1>`,
  `javascript:alert(1)//'`,
  `&lt;b&gt; &amp; &#39;`,
  `{{constructor}} \${process.env} %s $& $1`,
  `=1+1 \u202Eevil\u200B 👩‍👩‍👧`,
];

const LINK = `https://app.example.com/verify-email?token=a&next="><b>'`;

/** What a reader of the HTML sees: tags gone, entities resolved. */
const seenIn = (html: string) =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

describe.each(Object.entries(TEMPLATES) as [MailTemplate, boolean][])('the mail %s', (template, hasLink) => {
  it.each(HOSTILE_NAMES)('shows the name %j as it is, in text and in HTML', (displayName) => {
    const { subject, text, html } = renderMail(template, { displayName, link: LINK });

    expect(text.startsWith(`Hello ${displayName},\n\n`)).toBe(true);
    expect(seenIn(html)).toContain(`Hello ${displayName},`);
    expect(subject).not.toContain(displayName);
  });

  it('has the tags of the template and no others, whatever it is given', () => {
    const tagsOf = (displayName: string, link: string) =>
      renderMail(template, { displayName, link }).html.match(/<\/?[a-z!][a-z0-9]*/gi);

    const plain = tagsOf('Ada', 'https://app.example.com/');

    for (const name of HOSTILE_NAMES) expect(tagsOf(name, LINK)).toEqual(plain);
  });

  it('says the same in text as in HTML', () => {
    const { text, html } = renderMail(template, { displayName: 'Ada', link: LINK });

    const paragraphs = text.trim().split('\n\n');
    const words = paragraphs.filter((paragraph) => paragraph !== LINK);
    for (const paragraph of words) expect(seenIn(html)).toContain(paragraph);
    expect(paragraphs.includes(LINK)).toBe(hasLink);
    expect(
      html.includes(
        `href="${LINK.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replace('<b>', '&lt;b&gt;').replace('&quot;>', '&quot;&gt;').replaceAll("'", '&#39;')}"`,
      ),
    ).toBe(hasLink);
  });
});
