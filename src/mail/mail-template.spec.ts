import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type MailTemplate, renderMail } from './mail-template.ts';

const template: MailTemplate<{ url: string; note: string }> = {
  name: 'test',
  data: z.object({ url: z.string(), note: z.string() }),
  compose: ({ url, note }) => ({
    subject: 'A test',
    paragraphs: [`First: ${note}`, 'Second.'],
    action: { label: 'Open', url },
  }),
};

const HOSTILE_TEXTS = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `</p></body></html><h1>`,
  `javascript:alert(1)//'`,
  `&lt;b&gt; &amp; &#39;`,
  `{{constructor}} \${process.env} %s $& $1`,
  `=1+1 \u202Eevil\u200B 👩‍👩‍👧`,
];

/** What a reader of the HTML sees: without tags, with entities resolved. */
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
    const { text, html } = renderMail(template, { url: `https://app.example.com/?${note}`, note });
    const plain = renderMail(template, { url: 'https://app.example.com/', note: 'plain' });

    expect(text).toContain(`First: ${note}\n\n`);
    expect(visibleText(html)).toContain(`First: ${note}`);
    expect(tagsIn(html)).toEqual(tagsIn(plain.html));
  });

  it('puts the same paragraphs and link into text and HTML', () => {
    const url = 'https://app.example.com/verify-email?token=a&b="c"';

    const { subject, text, html } = renderMail(template, { url, note: 'x' });

    expect(subject).toBe('A test');
    expect(text).toBe(`Hello,\n\nFirst: x\n\nSecond.\n\n${url}\n`);
    expect(visibleText(html)).toBe('Hello,First: xSecond.Open');
    expect(html).toContain('href="https://app.example.com/verify-email?token=a&amp;b=&quot;c&quot;"');
  });

  it('rejects data that the template does not expect', () => {
    expect(() => renderMail(template, { note: 'x' } as never)).toThrow(z.ZodError);
  });
});
