import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import { Config } from '../platform/config/config.ts';

const SMTP_TIMEOUT_MS = 10_000;

export interface OutgoingMail {
  /** The same id means the same message. */
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  correlationId: string;
}

/** The mail server says that this recipient does not exist: sending the mail again is pointless. */
export class RecipientRejectedError extends Error {}

/** Sends mail by SMTP, or writes .eml files to a folder if there is no SMTP_URL. */
@Injectable()
export class MailTransport implements OnApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly transporter: Transporter;

  constructor(private readonly config: Config) {
    const smtpUrl = config.SMTP_URL ? new URL(config.SMTP_URL) : undefined;
    const requireTLS = config.NODE_ENV === 'production' && Boolean(smtpUrl?.username);
    // Options in the URL would take precedence.
    for (const name of requireTLS ? ['requireTLS', 'ignoreTLS'] : []) smtpUrl?.searchParams.delete(name);
    this.transporter = smtpUrl
      ? createTransport({
          url: smtpUrl.href,
          // Name of the EHLO greeting. Some servers reject nodemailer's default, "[127.0.0.1]".
          name: smtpUrl.searchParams.get('name') ?? this.hostname,
          // Credentials are never sent in clear text, even if the server doesn't offer STARTTLS.
          requireTLS,
          connectionTimeout: SMTP_TIMEOUT_MS,
          greetingTimeout: SMTP_TIMEOUT_MS,
          socketTimeout: SMTP_TIMEOUT_MS,
        } as never)
      : createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  }

  async send(mail: OutgoingMail): Promise<void> {
    const sent = (await this.transporter.sendMail(this.compose(mail)).catch(throwWithoutAddress)) as {
      message?: Buffer;
    };
    if (!this.config.SMTP_URL && sent.message) await this.writeFile(mail.id, sent.message);
  }

  onApplicationShutdown(): void {
    this.transporter.close();
  }

  private get hostname(): string {
    return new URL(this.config.PUBLIC_URL).hostname;
  }

  /** A retry has the same Message-ID, so that mail servers can recognize a duplicate (RFC 5322, section 3.6.4). */
  private compose({ id, to, subject, text, html, correlationId }: OutgoingMail): SendMailOptions {
    return {
      from: this.config.MAIL_FROM,
      to: { name: '', address: to },
      subject,
      text,
      html,
      messageId: `<${id}@${this.hostname}>`,
      headers: { 'X-Correlation-Id': correlationId, 'Auto-Submitted': 'auto-generated' },
    };
  }

  /** Renames the finished file into place, so that readers of the folder never see half a mail. */
  private async writeFile(id: string, message: Buffer): Promise<void> {
    const folder = resolve(this.config.MAIL_DIR);
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${id}.eml`);
    await writeFile(`${path}.draft`, message, { mode: 0o600 });
    await rename(`${path}.draft`, path);
    this.logger.log({ msg: 'Mail written to a file', path });
  }
}

interface SmtpError extends Error {
  code?: string;
  command?: string;
  responseCode?: number;
  response?: string;
}

/** Enhanced status codes (RFC 3463): bad mailbox, bad system, bad syntax, moved, and null MX (RFC 7505). */
const UNKNOWN_RECIPIENT = /^5\d\d[ -]5\.1\.(?:[1236]|10)\b/;

/**
 * Errors are logged and stored with the job, so emails are removed from the text. Only a status code
 * 5.1.x is about the recipient. Other 5xx responses are about our server, the content or a policy, and may be fixed.
 */
function throwWithoutAddress(error: SmtpError): never {
  const message = error.message.replaceAll(/[^\s<>"']+@[^\s<>"']+/g, '[email]');
  const isUnknownRecipient = error.command === 'RCPT TO' && UNKNOWN_RECIPIENT.test(error.response ?? '');
  if (isUnknownRecipient)
    throw new RecipientRejectedError('The mail server rejected the email of the recipient.');
  throw Object.assign(new Error(message), { code: error.code, responseCode: error.responseCode });
}
