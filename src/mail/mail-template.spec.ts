import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineMail, renderMail } from './mail-template.ts';

const template = defineMail({
  name: 'test',
  data: z.object({ token: z.string(), note: z.string() }),
  text: ({ note }, locale) => ({
    subject: `${{ en: 'A test', de: 'Ein Test' }[locale]}: ${note}`,
    paragraphs: [`First: ${note}`, 'Second.'],
    action: 'Open',
  }),
  link: ({ token }) => `/verify-email?token=${token}`,
});

const place = { locale: 'en', frontendUrl: 'https://app.example.com' } as const;

const HOSTILE_TEXTS = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `</p></body></html><h1>`,
  `javascript:alert(1)//'`,
  `&lt;b&gt; &amp; &#39;`,
  `{{constructor}} \${process.env} %s $& $1`,
  `=1+1 \u202Eevil\u200B 👩‍👩‍👧`,
];

/** The text that a reader of the HTML sees: without tags, with entities resolved. */
const visibleText = (html: string) =>
  html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

const tagsIn = (html: string) => html.match(/<\/?[a-z!][a-z0-9]*/gi);

describe('renderMail', () => {
  it.each(HOSTILE_TEXTS)('shows %j as plain text in both parts', (note) => {
    const { text, html } = renderMail(template, { token: note, note }, place);
    const plain = renderMail(template, { token: 'plain', note: 'plain' }, place);

    expect(text).toContain(`First: ${note}\n\n`);
    expect(visibleText(html)).toContain(`First: ${note}`);
    expect(tagsIn(html)).toEqual(tagsIn(plain.html));
  });

  it('puts the same paragraphs and link into text and HTML', () => {
    const { subject, text, html } = renderMail(template, { token: 'a&b="c"', note: 'x' }, place);

    expect(subject).toBe('A test: x');
    expect(text).toBe(
      'Hello,\n\nFirst: x\n\nSecond.\n\nhttps://app.example.com/verify-email?token=a&b="c"\n',
    );
    expect(visibleText(html)).toBe('Hello,First: xSecond.Open');
    expect(html).toContain('href="https://app.example.com/verify-email?token=a&amp;b=&quot;c&quot;"');
  });

  it('greets in the language of the text', () => {
    const { subject, text, html } = renderMail(
      template,
      { token: 't', note: 'x' },
      { ...place, locale: 'de' },
    );

    expect(subject).toBe('Ein Test: x');
    expect(text).toMatch(/^Hallo,/);
    expect(html).toContain('<html lang="de">');
  });

  it('keeps a value with line breaks inside its subject and paragraph', () => {
    const note = 'x\r\nBcc: victim@example.com\n\nYour account is closed.';

    const { subject, text } = renderMail(template, { token: 't', note }, place);

    expect(subject).toBe('A test: x Bcc: victim@example.com Your account is closed.');
    expect(text.split('\n\n')[1]).toBe('First: x Bcc: victim@example.com Your account is closed.');
  });

  it.each(['https://evil.example', '@evil.example', '.evil.example', 'javascript:alert(1)'])(
    'never links to %s outside the frontend',
    (path) => {
      const elsewhere = defineMail({ ...template, link: () => path });

      expect(() => renderMail(elsewhere, { token: 't', note: 'x' }, place)).toThrow('start with a slash');
    },
  );

  it('rejects data that the template does not expect', () => {
    expect(() => renderMail(template, { note: 'x' }, place)).toThrow(z.ZodError);
  });
});
