import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.ts';

export interface ReceivedMail {
  to: string;
  subject: string;
  /** The whole message, with soft line breaks removed. */
  raw: string;
}

/** The folder for mails when there is no SMTP server. */
export class Mailbox {
  constructor(private readonly dir: string) {}

  async all(): Promise<ReceivedMail[]> {
    const names = await readdir(this.dir).catch(() => []);
    const files = names.filter((name) => name.endsWith('.eml')).toSorted();
    return Promise.all(files.map(async (name) => parse(await readFile(join(this.dir, name), 'utf8'))));
  }

  async to(address: string): Promise<ReceivedMail[]> {
    return (await this.all()).filter((mail) => mail.to === address);
  }

  /** Waits for the n-th mail to this recipient. Returns the newest. */
  next(address: string, count = 1): Promise<ReceivedMail> {
    return until(async () => {
      const mails = await this.to(address);
      return mails.length >= count ? mails.at(-1) : undefined;
    }, `mail ${count} to ${address}`);
  }

  /** The token in the link of the newest mail to this recipient. */
  async token(address: string, count = 1): Promise<string> {
    const { raw } = await this.next(address, count);
    const [, token] = /[?&]token=([\w-]+)/.exec(raw) ?? [];
    if (!token) throw new Error(`The mail to ${address} has no token`);
    return token;
  }
}

function parse(text: string): ReceivedMail {
  const raw = text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return { to: header(text, 'To'), subject: header(text, 'Subject'), raw };
}

const header = (text: string, name: string): string =>
  new RegExp(`^${name}: (.*)$`, 'mi').exec(text)?.[1]?.trim() ?? '';
