import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MailTransport } from '../../src/mail/mail.transport.ts';
import type { Config } from '../../src/platform/config/config.ts';
import { SmtpServer } from '../support/smtp.ts';

const EMAIL = 'user@example.com';

let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await SmtpServer.start();
});

beforeEach(() => {
  smtp.behavior = 'accept';
});

afterAll(() => smtp.down());

/** Resolves to the error, or to undefined if the mail was sent. */
async function send(settings: Partial<Config> = {}): Promise<Error | undefined> {
  const transport = new MailTransport({
    NODE_ENV: 'production',
    SMTP_URL: smtp.url,
    MAIL_FROM: 'Sender <no-reply@example.com>',
    PUBLIC_URL: 'https://api.example.com',
    ...settings,
  } as Config);
  const message = { id: 'x', to: EMAIL, correlationId: 'x', subject: 'x', text: 'x', html: 'x' };
  try {
    await transport.send(message);
    return undefined;
  } catch (error) {
    return error as Error;
  } finally {
    transport.onApplicationShutdown();
  }
}

describe('the SMTP transport', () => {
  it('greets the server with the host name of PUBLIC_URL', async () => {
    expect(await send()).toBeUndefined();

    expect(smtp.greetings.at(-1)).toBe('api.example.com');
  });

  it.each(['', '/?ignoreTLS=true', '/?requireTLS=false'])(
    'sends no credentials without TLS in production, with the URL ending in %j',
    async (options) => {
      const before = smtp.messages.length;

      const error = await send({ SMTP_URL: `${smtp.url.replace('//', '//user:secret@')}${options}` });

      expect(error?.message).toMatch(/TLS/);
      expect(smtp.messages).toHaveLength(before);
    },
  );

  it('keeps the email of the recipient out of errors', async () => {
    smtp.behavior = 'deny relay';

    const error = await send();

    expect(error?.message).toContain('relay denied');
    expect(JSON.stringify([error?.message, error])).not.toContain(EMAIL);
  });
});
