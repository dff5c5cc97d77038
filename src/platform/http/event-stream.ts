import { StreamableFile } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { type EventSource, followSource } from './follow-source.ts';

export interface StreamEvent {
  event: string;
  /** The client sends it back as Last-Event-ID. */
  id?: string;
  data: object;
}

/** Limits the events in memory that wait for a slow reader. The rest stays in the database. */
const BUFFER_BYTES = 16 * 1024;
/** How long a reader may take to receive the last event of a closed stream. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Clients reconnect at different times after an instance has stopped. */
const CLIENT_RECONNECT_MS = { min: 1_000, spread: 6_000 } as const;

/**
 * A response with Server-Sent Events (WHATWG HTML, section 9.2). At most BUFFER_BYTES and one event are in memory: the
 * source waits for the reader before it reads more. See docs/decisions/0022-server-sent-events.md.
 */
export class EventStream {
  private readonly closing = new AbortController();
  private readonly body: Readable;
  private readonly heartbeat: NodeJS.Timeout;
  private drained = Promise.withResolvers<void>();
  private hasRoom = true;

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
    // The first write sends the headers, so that the client receives them before the first event.
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
    followSource(source, this.signal);
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
