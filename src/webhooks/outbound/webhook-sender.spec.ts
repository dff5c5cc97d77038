import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:net';
import { Receiver } from '../../../test/support/receiver.ts';
import { startSelfSigned } from '../../../test/support/self-signed.ts';
import { Config } from '../../platform/config/config.ts';
import { EventTypes } from '../../platform/events/domain-events.ts';
import { WebhookEndpointRules } from './webhook-endpoint-rules.service.ts';
import { type Resolve, retryAfterMs, WebhookSender } from './webhook-sender.ts';

let receiver: Receiver;
let port: number;

beforeAll(async () => {
  receiver = await Receiver.start();
  port = Number(receiver.host.split(':')[1]);
});
afterAll(() => receiver.stop());

const rulesWith = (WEBHOOK_ALLOW_PRIVATE: string[], NODE_ENV = 'development') =>
  new WebhookEndpointRules({ NODE_ENV, WEBHOOK_ALLOW_PRIVATE } as unknown as Config, new EventTypes());

const send = (url: string, sender: WebhookSender) =>
  sender.send({ url, headers: {}, body: '{}' }, new AbortController().signal);

/** Sends to the receiver, which the settings allow. */
const sendTo = (path: string) => send(receiver.url(path), new WebhookSender(rulesWith([receiver.host])));

/** Sends to a host name that the settings don’t list. */
const sendToName = (resolve: Resolve) =>
  send(`http://rebind.example:${port}/canary`, new WebhookSender(rulesWith([]), resolve));

describe('sending a webhook', () => {
  it('connects to no private address for any host name', async () => {
    for (const addresses of [
      ['127.0.0.1'],
      ['::1'],
      ['::ffff:127.0.0.1'],
      ['169.254.169.254'],
      ['10.0.0.1'],
    ]) {
      expect(await sendToName(async () => addresses)).toMatchObject({
        statusCode: null,
        error: expect.stringContaining('private network'),
      });
    }
    expect(receiver.at('/canary')).toEqual([]);
  });

  it.each([
    [['93.184.216.34', '127.0.0.1']],
    [['93.184.216.34', '::1']],
    [['2606:4700:4700::1111', '10.0.0.1']],
    [['2606:4700:4700::1111', 'fdaa::3']],
  ])('rejects a name that resolves to a public and a private address: %s', async (addresses) => {
    const { error } = await sendToName(async () => addresses);

    expect(error).toContain('private network');
  });

  it('resolves the host name exactly once per attempt', async () => {
    const resolved = [['93.184.216.34'], ['127.0.0.1']];
    let asked = 0;
    const stop = new AbortController();
    const sender = new WebhookSender(rulesWith([]), async () => {
      asked += 1;
      // Aborts before a packet is sent to the public address.
      if (asked === 1) stop.abort();
      return resolved.shift() ?? [];
    });
    const request = { url: `http://rebind.example:${port}/canary`, headers: {}, body: '{}' };

    const first = await sender.send(request, stop.signal);
    const second = await sender.send(request, new AbortController().signal);

    expect(first.error).not.toContain('private network');
    expect(second.error).toContain('private network');
    expect(asked).toBe(2);
    expect(receiver.at('/canary')).toEqual([]);
  });

  it('accepts only a 2xx response as success', async () => {
    const accepted = [200, 201, 202, 204, 299];
    const rejected = [300, 301, 302, 304, 307, 308, 400, 401, 404, 409, 410, 429, 500, 502, 503, 504];
    for (const status of [...accepted, ...rejected]) receiver.answer(`/status/${status}`, status);

    const responses = await Promise.all(
      [...accepted, ...rejected].map((status) => sendTo(`/status/${status}`)),
    );

    expect(responses.filter(({ error }) => error === null).map(({ statusCode }) => statusCode)).toEqual(
      accepted,
    );
  });

  it('rejects an untrusted certificate', async () => {
    const server = await startSelfSigned();

    const response = await send(`https://${server.host}/`, new WebhookSender(rulesWith([server.host])));

    await server.stop();
    expect(response).toMatchObject({
      statusCode: null,
      error: 'The certificate was rejected (DEPTH_ZERO_SELF_SIGNED_CERT).',
    });
    expect(server.requests()).toBe(0);
  });

  it('limits the connection and its TLS handshake to five seconds', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as { port: number }).port}`;

    const { error, durationMs } = await send(`https://${host}/`, new WebhookSender(rulesWith([host])));

    server.close();
    expect(error).toContain('no connection within 5 s');
    expect(durationMs).toBeGreaterThanOrEqual(4_900);
    expect(durationMs).toBeLessThan(7_000);
  });

  it('reports a name that does not resolve and a closed port', async () => {
    expect((await sendToName(async () => [])).error).toContain('no IP address');
    const closed = await closedPort();
    const { error } = await send(
      `http://127.0.0.1:${closed}/`,
      new WebhookSender(rulesWith([`127.0.0.1:${closed}`])),
    );
    expect(error).toContain('ECONNREFUSED');
  });

  it('checks the URL again, although it was accepted before', async () => {
    const { error } = await send(receiver.url('/canary'), new WebhookSender(rulesWith([])));

    expect(error).toContain('not allowed');
    expect(receiver.at('/canary')).toEqual([]);
  });

  it('follows no redirect', async () => {
    receiver.answer('/moved', 301, { location: receiver.url('/canary') });
    receiver.answer('/metadata', 302, { location: 'http://169.254.169.254/latest/meta-data/' });

    expect(await sendTo('/moved')).toMatchObject({ statusCode: 301, error: expect.any(String) });
    expect(await sendTo('/metadata')).toMatchObject({ statusCode: 302, error: expect.any(String) });
    expect(receiver.at('/canary')).toEqual([]);
  });

  it('reads 64 KiB of an endless response and stores 4 KiB', async () => {
    let written = 0;
    receiver.behave('/endless', (_, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(16_384, 'x');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        response.once('drain', write);
      };
      write();
    });

    const response = await sendTo('/endless');

    expect(response).toMatchObject({ statusCode: 200, error: null });
    expect(response.excerpt).toHaveLength(4_096);
    expect(written).toBeLessThan(50_000_000);
  });

  it('accepts up to ten interim responses', async () => {
    const behaveAfter = (count: number) =>
      receiver.behave(`/interim/${count}`, (_, response) => {
        for (let sent = 0; sent < count; sent += 1) response.writeProcessing();
        if (count <= 10) response.writeHead(204).end();
      });
    behaveAfter(10);
    behaveAfter(11);

    const responses = [await sendTo('/interim/10'), await sendTo('/interim/11')];

    expect(responses.map(({ statusCode }) => statusCode)).toEqual([204, null]);
    expect(responses[1]!.error).toContain('too many 1xx responses');
    expect(responses[1]!.durationMs).toBeLessThan(5_000);
  });

  it('treats an incomplete response as a failure', async () => {
    receiver.behave('/reset', (_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('some', () => response.destroy());
    });

    const { statusCode, error } = await sendTo('/reset');

    expect(statusCode).toBe(200);
    expect(error).toContain('connection');
  });

  it('limits a hanging or slow receiver to ten seconds', async () => {
    receiver.behave('/hang', () => undefined);
    receiver.behave('/drip', (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 100);
      response.once('close', () => clearInterval(timer));
    });

    const responses = await Promise.all([sendTo('/hang'), sendTo('/drip')]);

    for (const { error, durationMs } of responses) {
      expect(error).toContain('within 10 s');
      expect(durationMs).toBeGreaterThanOrEqual(9_900);
      expect(durationMs).toBeLessThan(12_000);
    }
  });

  it('stops at once when its signal is aborted', async () => {
    receiver.behave('/hang', () => undefined);
    const stop = new AbortController();
    const sender = new WebhookSender(rulesWith([receiver.host]));
    const response = sender.send({ url: receiver.url('/stopped'), headers: {}, body: '{}' }, stop.signal);

    stop.abort();

    expect((await response).durationMs).toBeLessThan(5_000);
  });
});

describe('Retry-After', () => {
  it('is read as seconds or as a date, up to an hour', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');

    expect(retryAfterMs('120', now)).toBe(120_000);
    expect(retryAfterMs('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
    expect(retryAfterMs('86400', now)).toBe(3_600_000);
    expect(
      [null, '-5', 'soon', 'Thu, 01 Jan 2020 00:00:00 GMT'].map((text) => retryAfterMs(text, now)),
    ).toEqual([0, 0, 0, 0]);
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: found } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return found;
}
