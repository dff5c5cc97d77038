import { get, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type SseBlock, SseParser } from '../../scripts/demo/sse.ts';
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
  private readonly parser = new SseParser();

  private constructor(
    private readonly request: ClientRequest,
    readonly response: IncomingMessage,
    isStalled: boolean,
  ) {
    for (const side of [request, response]) side.on('error', () => undefined);
    response.once('close', () => (this.isClosed = true));
    if (isStalled) return;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.parser.add(text).forEach((block) => this.store(block)));
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

  private store({ event, id, data = null, retryMs, comment }: SseBlock): void {
    if (comment !== undefined) this.comments.push(comment);
    if (retryMs !== undefined) this.retryMs = retryMs;
    if (event) this.events.push({ event, ...(id && { id }), data });
  }
}
