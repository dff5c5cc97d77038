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

/** A place where emails may arrive. */
interface MailSource {
  name: string;
  /** The newest mail to this email that contains the text, or null. */
  find(email: string, containing: string): Promise<Mail | null>;
  /** Tried only after this time, because no setting names this source. */
  afterMs?: number;
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
      const guess = { ...mailpit(MAILPIT_OF_COMPOSE), afterMs: GUESS_AFTER_MS };
      this.sources = [mailFolder(DEFAULT_MAIL_DIR), guess];
    }
  }

  /** Waits for a mail with a link to `path`, for example `…/verify-email?token=…`. Returns its token and subject. */
  async tokenFor(email: string, path: string): Promise<{ token: string; subject: string }> {
    const startedAt = performance.now();
    const faults = new Map<string, string>();
    while (performance.now() - startedAt < ARRIVAL_LIMIT_MS) {
      for (const source of this.sources) {
        if (performance.now() - startedAt < (source.afterMs ?? 0)) continue;
        const mail = await this.find(source, email, path, faults);
        if (mail) return { token: tokenIn(mail, path), subject: mail.subject };
      }
      await sleep(POLL_MS);
    }
    throw this.timeoutFailure(email, faults);
  }

  private async find(source: MailSource, email: string, path: string, faults: Map<string, string>) {
    try {
      const mail = await source.find(email, `/${path}?token=`);
      faults.delete(source.name);
      return mail;
    } catch (error) {
      // Retried. The error is reported at the timeout.
      faults.set(source.name, connectionFault(error));
      return null;
    }
  }

  private timeoutFailure(email: string, faults: Map<string, string>): Failure {
    const searched = this.sources.map(({ name }) =>
      faults.has(name) ? `${name} (${faults.get(name)})` : name,
    );
    return new Failure(`a mail to ${email} within ${ARRIVAL_LIMIT_MS / 1000} s`, 'none', {
      'searched in': searched.join('\n'),
      hint: 'is the worker running? Set MAILPIT_URL or MAIL_DIR to where the server sends emails',
    });
  }
}

/** The folder to which the server writes each mail as an .eml file. */
function mailFolder(folder: string): MailSource {
  const startedAt = Date.now();
  // By name and time, so that a file is read again when it has changed.
  const read = new Set<string>();
  return {
    name: folder,
    async find(email, containing) {
      for (const name of (await readdir(folder)).filter((file) => file.endsWith('.eml'))) {
        const { mtimeMs } = await stat(join(folder, name));
        const version = `${name} ${mtimeMs}`;
        // Skip mails of earlier runs. Clocks of shared folders may differ by some seconds.
        if (read.has(version) || mtimeMs < startedAt - 60_000) continue;
        read.add(version);
        const { headers, text } = parseEml(await readFile(join(folder, name)));
        const isTo = (headers.get('to') ?? '').toLowerCase().includes(email.toLowerCase());
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
    async find(email, containing) {
      const query = encodeURIComponent(`to:"${email}"`);
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
  // The last character can't be a dot, which ends the sentence.
  const token = /^[\w.~%-]*[\w~%-]/.exec(rest)?.[0];
  if (!token) throw new Failure(`a link …/${path}?token=… in the mail`, mail.text);
  return decodeURIComponent(token);
}
