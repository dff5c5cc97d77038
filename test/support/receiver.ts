import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { until } from './until.ts';

export interface ReceivedEvent {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** Handles a request at the receiver. Default: respond with 204. */
type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** A webhook receiver with one URL per endpoint: `receiver.url('/mine')`. */
export class Receiver {
  readonly events: ReceivedEvent[] = [];
  private readonly behaviours = new Map<string, Behaviour>();

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    /** The value for WEBHOOK_ALLOW_PRIVATE. */
    readonly host: string,
  ) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const receiver = new Receiver(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => void receiver.take(request, response));
    return receiver;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** Sets the response at this path. */
  behave(path: string, behaviour: Behaviour): void {
    this.behaviours.set(path, behaviour);
  }

  answer(path: string, status: number, headers: Record<string, string> = {}): void {
    this.behave(path, (_, response) => void response.writeHead(status, headers).end());
  }

  at(path: string): ReceivedEvent[] {
    return this.events.filter((event) => event.path === path);
  }

  /** Waits for the n-th event at this path. Returns the newest. */
  next(path: string, count = 1, timeoutMs?: number): Promise<ReceivedEvent> {
    return until(
      () => {
        const events = this.at(path);
        return events.length >= count && events.at(-1);
      },
      `event ${count} at ${path}`,
      timeoutMs,
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { url: path = '', headers } = request;
    this.events.push({ path, headers, body: Buffer.concat(chunks).toString(), at: Date.now() });
    const behave = this.behaviours.get(path) ?? ((_, answer) => void answer.writeHead(204).end());
    behave(request, response);
  }
}

/** Verifies the signature with this secret, using the reference library of Standard Webhooks. */
export function isAuthentic({ headers, body }: ReceivedEvent, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}
