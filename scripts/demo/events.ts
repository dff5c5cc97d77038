import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './client.ts';
import { SseParser } from './sse.ts';
import { Failure } from './terminal.ts';

export interface ServerEvent {
  event: string;
  data: unknown;
  /** When it was received, as Date.now(). */
  at: number;
}

const ARRIVAL_LIMIT_MS = 30_000;
const POLL_MS = 5;

/** The Server-Sent Events of one response. */
export class EventStream {
  private readonly received: ServerEvent[] = [];
  private readonly closing = new AbortController();
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Resolves when the headers have arrived. Later events are not missed. */
  static async open(api: ApiClient, path: string): Promise<EventStream> {
    const stream = new EventStream(path);
    const body = await api.open(path, stream.closing.signal);
    stream.read(body).catch(() => undefined);
    return stream;
  }

  /** The first matching event, received already or later. `seen` is called with each earlier event. */
  async find(
    matches: (event: ServerEvent) => boolean,
    seen?: (event: ServerEvent) => void,
  ): Promise<ServerEvent> {
    const startedAt = performance.now();
    for (let next = 0; performance.now() - startedAt < ARRIVAL_LIMIT_MS;) {
      const event = this.received[next];
      if (!event) {
        await sleep(POLL_MS);
        continue;
      }
      if (matches(event)) return event;
      seen?.(event);
      next += 1;
    }
    const events = this.received.map(({ event }) => event).join(', ');
    throw new Failure(`an event within ${ARRIVAL_LIMIT_MS / 1_000} s`, events || 'none', {
      request: `GET ${this.path}`,
    });
  }

  close(): void {
    this.closing.abort();
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = new SseParser();
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      for (const { event, data } of parser.add(chunk)) {
        if (event) this.received.push({ event, data, at: Date.now() });
      }
    }
  }
}
