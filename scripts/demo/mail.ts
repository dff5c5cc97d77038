import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionFault } from './client.ts';
import { parseEml } from './eml.ts';
import { Failure } from './terminal.ts';

export interface Mail {
  subject: string;
  text: string;
}

/** One place where mail may arrive. */
interface MailSource {
  name: string;
  /** The newest mail to an address that contains the text; null while there is none. */
  find(address: string, containing: string): Promise<Mail | null>;
  /** Tried only after this time, without a message, because it is a guess: no setting names the mail server. */
  guessedAfterMs?: number;
}

const MAILPIT_OF_COMPOSE = 'http://localhost:8025';
const DEFAULT_MAIL_DIR = join(import.meta.dirname, '../../.local/mail');
const GUESS_AFTER_MS = 1_000;
const ARRIVAL_LIMIT_MS = 30_000;
const POLL_MS = 250;
const MAILPIT_TIMEOUT_MS = 5_000;

export class Mailbox {
  private readonly sources: MailSource[];

  constructor(settings: { MAILPIT_URL?: string | undefined; MAIL_DIR?: string | undefined }) {
    this.sources = [
      ...(settings.MAILPIT_URL ? [mailpit(settings.MAILPIT_URL)] : []),
      ...(settings.MAIL_DIR ? [mailFolder(settings.MAIL_DIR)] : []),
    ];
    if (this.sources.length === 0) {
      const guess = { ...mailpit(MAILPIT_OF_COMPOSE), guessedAfterMs: GUESS_AFTER_MS };
      this.sources = [mailFolder(DEFAULT_MAIL_DIR), guess];
    }
  }

  /** Waits for a mail with a link to `path`, as in `…/verify-email?token=…`, and answers the token and the subject. */
  async tokenFor(address: string, path: string): Promise<{ token: string; subject: string }> {
    const startedAt = performance.now();
    const faults = new Map<string, string>();
    while (performance.now() - startedAt < ARRIVAL_LIMIT_MS) {
      for (const source of this.sources) {
        if (performance.now() - startedAt < (source.guessedAfterMs ?? 0)) continue;
        const mail = await this.look(source, address, path, faults);
        if (mail) return { token: tokenIn(mail, path), subject: mail.subject };
      }
      await sleep(POLL_MS);
    }
    throw this.nothingCame(address, faults);
  }

  private async look(source: MailSource, address: string, path: string, faults: Map<string, string>) {
    try {
      const mail = await source.find(address, `/${path}?token=`);
      faults.delete(source.name);
      return mail;
    } catch (error) {
      // It may arrive a moment later. If not, the reason is reported at the timeout.
      faults.set(source.name, connectionFault(error));
      return null;
    }
  }

  private nothingCame(address: string, faults: Map<string, string>): Failure {
    const looked = this.sources.map(({ name }) =>
      faults.has(name) ? `${name} (${faults.get(name)})` : name,
    );
    return new Failure(`a mail to ${address} within ${ARRIVAL_LIMIT_MS / 1000} s`, 'none', {
      'looked in': looked.join('\n'),
      hint: 'is the worker running? MAILPIT_URL or MAIL_DIR says where the server sends its mail',
    });
  }
}

/** The folder into which the server writes each mail as an .eml file. */
function mailFolder(folder: string): MailSource {
  const startedAt = Date.now();
  // By name and time: a file that is still being written when it is first seen is read again.
  const read = new Set<string>();
  return {
    name: folder,
    async find(address, containing) {
      for (const name of (await readdir(folder)).filter((file) => file.endsWith('.eml'))) {
        const { mtimeMs } = await stat(join(folder, name));
        const version = `${name} ${mtimeMs}`;
        // Clocks of shared folders differ a little; a minute keeps the many mails of earlier runs out.
        if (read.has(version) || mtimeMs < startedAt - 60_000) continue;
        read.add(version);
        const { headers, text } = parseEml(await readFile(join(folder, name)));
        const isTo = (headers.get('to') ?? '').toLowerCase().includes(address.toLowerCase());
        if (isTo && text.includes(containing)) return { subject: headers.get('subject') ?? '', text };
      }
      return null;
    },
  };
}

function mailpit(url: string): MailSource {
  const api = `${url.replace(/\/+$/, '')}/api/v1`;
  return {
    name: url,
    async find(address, containing) {
      const query = encodeURIComponent(`to:"${address}"`);
      const { messages } = await readJson<{ messages: { ID: string }[] }>(`${api}/search?query=${query}`);
      for (const { ID } of messages) {
        const mail = await readJson<{ Subject: string; Text: string; HTML: string }>(`${api}/message/${ID}`);
        const text = mail.Text || mail.HTML;
        if (text.includes(containing)) return { subject: mail.Subject, text };
      }
      return null;
    },
  };
}

async function readJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(MAILPIT_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${response.status} from ${url}`);
  return (await response.json()) as T;
}

function tokenIn(mail: Mail, path: string): string {
  const [, rest = ''] = mail.text.split(`/${path}?token=`);
  // The last character is no dot, which would end the sentence rather than the token.
  const token = /^[\w.~%-]*[\w~%-]/.exec(rest)?.[0];
  if (!token) throw new Failure(`a link …/${path}?token=… in the mail`, mail.text);
  return decodeURIComponent(token);
}
