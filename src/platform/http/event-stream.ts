import { Logger, StreamableFile } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface StreamEvent {
  event: string;
  /** The client sends it back as Last-Event-ID. */
  id?: string;
  data: object;
}

/** Called with a message when there is something new, and without one when messages may have been lost. */
export type Wake = (message?: object) => void;

export interface EventSource {
  /** Calls `wake` until the returned function is called. */
  subscribe(wake: Wake): () => void;
  /** Sends what is new. Called at the start and after each wake, never twice at a time. */
  poll(): Promise<void>;
  /** How often to poll without a wake, because a wake may get lost. */
  pollMs: number;
}

/** Limits the events in memory that wait for a slow reader. The rest stays in the database. */
const BUFFER_BYTES = 16 * 1024;
const RETRY_MS = 1_000;
/** How long a reader may take to receive the last event of a closed stream. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Clients reconnect at different times after an instance has stopped. */
const CLIENT_RECONNECT_MS = { min: 1_000, spread: 6_000 } as const;
/** Streams poll at different times after the message bus has reconnected. */
const BUS_RECONNECT_SPREAD_MS = 2_000;

/**
 * A response with Server-Sent Events (WHATWG HTML, section 9.2). At most BUFFER_BYTES and one event are in memory: the
 * source waits for the reader before it reads more. See docs/decisions/0022-server-sent-events.md.
 */
export class EventStream {
  private readonly logger = new Logger('EventStream');
  private readonly closing = new AbortController();
  private readonly body: Readable;
  private readonly heartbeat: NodeJS.Timeout;
  private drained = Promise.withResolvers<void>();
  private hasRoom = true;
  private hasFailed = false;

  constructor(
    private readonly response: ServerResponse,
    heartbeatMs: number,
  ) {
    this.body = new Readable({ highWaterMark: BUFFER_BYTES, read: () => this.resume() });
    response.once('close', () => this.dispose());
    // When the client disconnects before the response has started, only the body closes.
    this.body.once('close', () => this.dispose());
    this.heartbeat = setInterval(() => this.sendHeartbeat(), heartbeatMs);
    this.heartbeat.unref();
    // The first write sends the headers, so the client doesn't wait for the first event to receive them.
    this.push(
      `retry: ${CLIENT_RECONNECT_MS.min + Math.floor(Math.random() * CLIENT_RECONNECT_MS.spread)}\n\n`,
    );
  }

  /** The controller returns it. */
  get responseBody(): StreamableFile {
    return new StreamableFile(this.body, { type: 'text/event-stream; charset=utf-8' });
  }

  /** Aborts when the server or the client has closed the stream. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  get isOpen(): boolean {
    return !this.signal.aborted;
  }

  /** Resolves when the reader is ready for more, or when the stream is closed. */
  async send({ event, id, data }: StreamEvent): Promise<void> {
    this.push(`event: ${event}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`);
    if (!this.hasRoom) await this.drained.promise;
  }

  /** Sends the reason as the event `end`, then closes. */
  close(reason: string): void {
    if (!this.isOpen) return;
    this.push(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    this.body.push(null);
    this.dispose();
    // Otherwise a stalled reader would keep the server from stopping.
    setTimeout(() => this.disconnect(), CLOSE_TIMEOUT_MS).unref();
  }

  /** Sends the events of the source until the stream is closed. */
  follow(source: EventSource): void {
    let isStale = true;
    let woken = Promise.withResolvers<void>();
    const wakeNow = () => {
      isStale = true;
      woken.resolve();
    };
    const wake: Wake = (message) => {
      if (message) wakeNow();
      else setTimeout(wakeNow, Math.random() * BUS_RECONNECT_SPREAD_MS).unref();
    };
    const unsubscribe = source.subscribe(wake);
    const interval = setInterval(wakeNow, source.pollMs);
    this.signal.addEventListener('abort', wakeNow);
    const run = async () => {
      while (this.isOpen) {
        if (isStale) {
          isStale = false;
          if (!(await this.poll(source))) isStale = true;
        } else {
          await woken.promise;
          woken = Promise.withResolvers<void>();
        }
      }
      clearInterval(interval);
      unsubscribe();
    };
    void run();
  }

  private async poll(source: EventSource): Promise<boolean> {
    try {
      await source.poll();
      this.hasFailed = false;
      return true;
    } catch (error) {
      if (!this.hasFailed) this.logger.warn({ msg: 'Stream poll failed: retrying', err: error });
      this.hasFailed = true;
      await sleep(RETRY_MS, undefined, { signal: this.signal }).catch(() => undefined);
      return false;
    }
  }

  private push(text: string): void {
    if (!this.isOpen) return;
    this.hasRoom = this.body.push(text);
    if (!this.hasRoom) this.drained = Promise.withResolvers<void>();
  }

  private resume(): void {
    this.hasRoom = true;
    this.drained.resolve();
  }

  /** A comment keeps proxies from closing an idle connection. Not sent while data still waits for the reader. */
  private sendHeartbeat(): void {
    if (this.body.readableLength + this.response.writableLength === 0) this.push(': heartbeat\n\n');
  }

  private disconnect(): void {
    // After a finished response, the connection may already serve the next request.
    if (!this.response.writableFinished) this.response.destroy();
  }

  private dispose(): void {
    clearInterval(this.heartbeat);
    this.closing.abort();
    this.drained.resolve();
  }
}
