import { get, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { until } from './until.ts';

export interface ReceivedEvent {
  event: string;
  id?: string;
  data: any;
}

export interface StreamOptions {
  lastEventId?: string | undefined;
  /** The client never reads its data. */
  isStalled?: boolean;
}

/** A client of Server-Sent Events, on a separate connection. */
export class EventSource {
  readonly events: ReceivedEvent[] = [];
  /** Heartbeats and other comments. */
  readonly comments: string[] = [];
  retryMs = 0;
  isClosed = false;
  private rest = '';

  private constructor(
    private readonly request: ClientRequest,
    readonly response: IncomingMessage,
    isStalled: boolean,
  ) {
    for (const side of [request, response]) side.on('error', () => undefined);
    response.once('close', () => (this.isClosed = true));
    if (isStalled) return;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.read(text));
  }

  /** Resolves with the headers. The stream sends everything that commits afterwards. */
  static open(
    url: string,
    accessToken: string,
    { lastEventId, isStalled = false }: StreamOptions = {},
  ): Promise<EventSource> {
    const headers = {
      authorization: `Bearer ${accessToken}`,
      ...(lastEventId && { 'last-event-id': lastEventId }),
    };
    return new Promise((resolve, reject) => {
      const request = get(url, { headers, agent: false }, (response) =>
        resolve(new EventSource(request, response, isStalled)),
      );
      request.once('error', reject);
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id)?.id;
  }

  of(event: string): ReceivedEvent[] {
    return this.events.filter((received) => received.event === event);
  }

  untilReceived(event: string, count = 1): Promise<ReceivedEvent[]> {
    return until(() => this.of(event).length >= count && this.of(event), `${count} × ${event}`);
  }

  /** Resolves to the reason that the server sent before it closed the stream. */
  async untilEnded(timeoutMs?: number): Promise<string> {
    await until(() => this.isClosed, 'the stream to end', timeoutMs);
    return this.of('end')[0]?.data.reason;
  }

  close(): void {
    this.request.destroy();
  }

  private read(text: string): void {
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) this.take(block);
  }

  private take(block: string): void {
    const fields = Object.fromEntries(
      block.split('\n').map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
      }),
    );
    if ('' in fields) this.comments.push(fields['']);
    if (fields['retry']) this.retryMs = Number(fields['retry']);
    if (!fields['event']) return;
    const { event, id } = fields;
    this.events.push({ event, ...(id && { id }), data: JSON.parse(fields['data'] ?? 'null') });
  }
}
