import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEml } from '../../scripts/demo/eml.ts';
import { until } from './until.ts';

export interface ReceivedMail {
  to: string;
  subject: string;
  /** By lower-case name. */
  headers: Map<string, string>;
  /** The subject, the text and the HTML. */
  content: string;
}

/** The folder for mails when there is no SMTP server. */
export class Mailbox {
  constructor(private readonly dir: string) {}

  async all(): Promise<ReceivedMail[]> {
    const names = await readdir(this.dir).catch(() => []);
    const files = names.filter((name) => name.endsWith('.eml')).toSorted();
    return Promise.all(files.map(async (name) => receivedMail(await readFile(join(this.dir, name)))));
  }

  async to(email: string): Promise<ReceivedMail[]> {
    return (await this.all()).filter((mail) => mail.to === email);
  }

  /** Waits for the n-th mail to this recipient. Returns the newest. */
  next(email: string, count = 1): Promise<ReceivedMail> {
    return until(async () => {
      const mails = await this.to(email);
      return mails.length >= count ? mails.at(-1) : undefined;
    }, `mail ${count} to ${email}`);
  }

  /** The token in the link of the newest mail to this recipient. */
  async token(email: string, count = 1): Promise<string> {
    const { content } = await this.next(email, count);
    const [, token] = /[?&]token=([\w-]+)/.exec(content) ?? [];
    if (!token) throw new Error(`The mail to ${email} has no token`);
    return token;
  }
}

function receivedMail(bytes: Buffer): ReceivedMail {
  const { headers, text, html } = parseEml(bytes);
  const [to = '', subject = ''] = ['to', 'subject'].map((name) => headers.get(name));
  return { to, subject, headers, content: [subject, text, html].join('\n') };
}
