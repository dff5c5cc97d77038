import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import { Config } from '../platform/config/config.ts';

const SMTP_TIMEOUT_MS = 10_000;

export interface OutgoingMail {
  /** Names the message for ever: the same id again is the same message, with the same link. */
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  correlationId: string;
}

/** SMTP, or a folder of .eml files where there is no SMTP_URL. */
@Injectable()
export class MailTransport implements OnApplicationShutdown {
  private readonly logger = new Logger('Mail');
  private readonly transporter: Transporter;

  constructor(private readonly config: Config) {
    this.transporter = config.SMTP_URL
      ? createTransport({
          url: config.SMTP_URL,
          connectionTimeout: SMTP_TIMEOUT_MS,
          greetingTimeout: SMTP_TIMEOUT_MS,
          socketTimeout: SMTP_TIMEOUT_MS,
        } as never)
      : createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
  }

  async send(mail: OutgoingMail): Promise<void> {
    const message = this.compose(mail);
    const sent = (await this.transporter.sendMail(message)) as { message?: Buffer };
    if (!this.config.SMTP_URL && sent.message) await this.write(mail.id, sent.message);
  }

  onApplicationShutdown(): void {
    this.transporter.close();
  }

  /** The Message-ID is the mail's own, so that a server which was sent it twice can tell (RFC 5322, section 3.6.4). */
  private compose({ id, to, subject, text, html, correlationId }: OutgoingMail): SendMailOptions {
    return {
      from: this.config.MAIL_FROM,
      to: { name: '', address: to },
      subject,
      text,
      html,
      messageId: `<${id}@${new URL(this.config.PUBLIC_URL).hostname}>`,
      headers: { 'X-Correlation-Id': correlationId, 'Auto-Submitted': 'auto-generated' },
    };
  }

  /** Under a draft's name first, so that whoever watches the folder never reads half a mail. */
  private async write(id: string, message: Buffer): Promise<void> {
    const folder = resolve(this.config.MAIL_DIR);
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${id}.eml`);
    await writeFile(`${path}.draft`, message, { mode: 0o600 });
    await rename(`${path}.draft`, path);
    this.logger.log({ msg: 'A mail was written to a file', path });
  }
}
