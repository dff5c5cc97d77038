import { Logger, StreamableFile } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

export interface StreamEvent {
  event: string;
  /** Comes back as Last-Event-ID. */
  id?: string;
  data: object;
}

export interface EventSource {
  /** Calls `nudge` when there may be something new, until the returned function is called. */
  subscribe(nudge: () => void): () => void;
  /** Sends what has not been sent yet. Called at the start and after each nudge, never twice at a time. */
  catchUp(): Promise<void>;
  /** How often to look without a nudge, since one may get lost. */
  pollMs: number;
}

/** What may wait in memory for a reader; the rest stays where it is read from. */
const BUFFER_BYTES = 16 * 1024;
const RETRY_AFTER_FAILURE_MS = 1_000;
/** What a reader may take for the last words of an ended stream. */
const LAST_WORDS_MS = 2_000;
/** Clients come back at different times after an instance has ended, not all at once. */
const RECONNECT_MS = { min: 1_000, spread: 6_000 } as const;

/**
 * One answer as Server-Sent Events (WHATWG HTML, section 9.2). It holds at most BUFFER_BYTES and one event: a source
 * waits for room before it reads on, and a reader that takes nothing between two heartbeats is cut off.
 */
export class EventStream {
  private readonly logger = new Logger('EventStream');
  private readonly closing = new AbortController();
  private readonly body: Readable;
  private readonly heartbeat: NodeJS.Timeout;
  private room = Promise.withResolvers<void>();
  private hasRoom = true;
  private isBehind = false;
  private sentBytes = 0;
  private takenBytes = 0;

  constructor(
    private readonly response: ServerResponse,
    heartbeatMs: number,
  ) {
    this.body = new Readable({ highWaterMark: BUFFER_BYTES, read: () => this.makeRoom() });
    response.once('close', () => this.close());
    // Destroyed with a response whose client has gone before it began.
    this.body.once('close', () => this.close());
    this.heartbeat = setInterval(() => this.beat(), heartbeatMs);
    this.heartbeat.unref();
    // Written at once, so that the client gets the headers before the first event.
    this.push(`retry: ${RECONNECT_MS.min + Math.floor(Math.random() * RECONNECT_MS.spread)}\n\n`);
  }

  /** For the controller to return. */
  get answer(): StreamableFile {
    return new StreamableFile(this.body, { type: 'text/event-stream; charset=utf-8' });
  }

  /** Aborts when the stream has ended, from whichever side. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  get isOpen(): boolean {
    return !this.signal.aborted;
  }

  /** Resolves once there is room for more, or the stream has ended. */
  async send({ event, id, data }: StreamEvent): Promise<void> {
    this.push(`event: ${event}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`);
    if (!this.hasRoom) await this.room.promise;
  }

  /** Says why, and closes. */
  end(reason: string): void {
    if (!this.isOpen) return;
    this.push(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    this.body.push(null);
    this.close();
    // A reader that doesn't read must not keep the server from closing.
    setTimeout(() => this.cut(), LAST_WORDS_MS).unref();
  }

  /** Sends what the source has, now and for as long as the stream is open. */
  follow(source: EventSource): void {
    let isNew = true;
    let wake = Promise.withResolvers<void>();
    const nudge = () => {
      isNew = true;
      wake.resolve();
    };
    const unsubscribe = source.subscribe(nudge);
    const poll = setInterval(nudge, source.pollMs);
    this.signal.addEventListener('abort', nudge);
    const run = async () => {
      while (this.isOpen) {
        if (isNew) {
          isNew = false;
          if (!(await this.catchUp(source))) isNew = true;
        } else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
      clearInterval(poll);
      unsubscribe();
    };
    void run();
  }

  private async catchUp(source: EventSource): Promise<boolean> {
    try {
      await source.catchUp();
      this.isBehind = false;
      return true;
    } catch (error) {
      if (!this.isBehind) this.logger.warn({ msg: 'A stream can’t catch up now', err: error });
      this.isBehind = true;
      await pause(RETRY_AFTER_FAILURE_MS, undefined, { signal: this.signal }).catch(() => undefined);
      return false;
    }
  }

  private push(text: string): void {
    if (!this.isOpen) return;
    this.sentBytes += Buffer.byteLength(text);
    this.hasRoom = this.body.push(text);
    if (!this.hasRoom) this.room = Promise.withResolvers<void>();
  }

  private makeRoom(): void {
    this.hasRoom = true;
    this.room.resolve();
  }

  /** A comment keeps proxies from closing a silent connection, and finds readers that have stopped reading. */
  private beat(): void {
    const waitingBytes = this.body.readableLength + this.response.writableLength;
    if (waitingBytes === 0) return this.push(': still here\n\n');
    const takenBytes = this.sentBytes - waitingBytes;
    if (takenBytes <= this.takenBytes) this.cut();
    this.takenBytes = takenBytes;
  }

  private cut(): void {
    // One that has finished may have left its connection to the next request.
    if (!this.response.writableFinished) this.response.destroy();
  }

  private close(): void {
    clearInterval(this.heartbeat);
    this.closing.abort();
    this.room.resolve();
  }
}
