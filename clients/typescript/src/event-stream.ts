import { ProblemError } from './problem.ts';
import type { Session } from './session.ts';

/** The default, if the server has sent no retry time. */
const RETRY_MS = 3_000;
const RETRY_MAX_MS = 30_000;
/** The server sends a heartbeat at least once a minute, so a longer silence means that the connection is broken. */
const SILENCE_MAX_MS = 90_000;

/** Reasons after which the client connects again. All others are final. */
const RENEWING = ['token-expired', 'session-ended'];
const INTERRUPTION = 'server-draining';

export interface StreamEvent<Name extends string = string, Data = unknown> {
  event: Name;
  data: Data;
  id?: string | undefined;
}

/** The last event of a stream. `reason` is final: the client does not connect again. */
export type EndEvent = StreamEvent<'end', { reason: string }>;

export interface StreamOptions {
  /** Ends the stream when it aborts. */
  signal?: AbortSignal;
  /** Sends only events after this one. */
  lastEventId?: string;
  /**
   * Loads earlier items and resolves to the id of the newest, if any. It is called while the stream is open, so no event is
   * missed, and again by each connection until an id is known. An event can arrive twice.
   */
  loadEarlier?: () => Promise<string | undefined>;
}

/** Browsers open only six connections to a server with HTTP/1.1, so a hidden tab closes its stream. */
export interface Visibility {
  isHidden(): boolean;
  /** Calls `listener` at each change until `signal` aborts. */
  watch(listener: () => void, signal: AbortSignal): void;
}

interface Position {
  lastEventId: string | undefined;
  retryMs: number;
  failures: number;
}

/** Reads Server-Sent Events. Connects again after failures, restarts of the server and with new access tokens. */
export class EventStream {
  readonly #session: Session;
  readonly #path: string;
  readonly #options: StreamOptions;
  readonly #visibility: Visibility | undefined;
  readonly #signal: AbortSignal;
  readonly #position: Position;

  constructor(session: Session, path: string, options: StreamOptions, visibility?: Visibility) {
    this.#session = session;
    this.#path = path;
    this.#options = options;
    this.#visibility = visibility;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#position = { lastEventId: options.lastEventId, retryMs: RETRY_MS, failures: 0 };
  }

  /** Ends with an `end` event, or without one when the signal aborts. Rejects if the server rejects the request. */
  async *events(): AsyncGenerator<StreamEvent, void, undefined> {
    for (;;) {
      await this.#untilVisible();
      const reason = yield* this.#connection();
      if (this.#signal.aborted) return;
      if (reason !== undefined && reason !== INTERRUPTION && !RENEWING.includes(reason)) return;
      await this.#prepareNext(reason);
    }
  }

  /** One connection. Returns the reason of its end, or undefined if it broke. */
  async *#connection(): AsyncGenerator<StreamEvent, string | undefined, undefined> {
    const connection = new AbortController();
    try {
      for await (const event of this.#received(connection)) {
        const reason = event.event === 'end' ? (event as EndEvent).data.reason : undefined;
        // Interruptions are handled here, so only a final end is an event for the caller.
        if (reason !== undefined && (reason === INTERRUPTION || RENEWING.includes(reason))) return reason;
        yield event;
        if (reason !== undefined) return reason;
      }
    } catch (error) {
      this.#countFailure(error);
    } finally {
      connection.abort();
    }
    return undefined;
  }

  async *#received(connection: AbortController): AsyncGenerator<StreamEvent, void, undefined> {
    const position = this.#position;
    const life = new SilenceTimer(connection);
    this.#visibility?.watch(() => connection.abort(), connection.signal);
    try {
      const response = await this.#open(connection.signal);
      position.failures = 0;
      position.lastEventId ??= await this.#options.loadEarlier?.();
      for await (const { event, id, retry, data } of blocksOf(response)) {
        life.extend();
        if (retry !== undefined) position.retryMs = retry;
        if (id !== undefined) position.lastEventId = id;
        if (event !== undefined) yield { event, id, data };
      }
    } finally {
      life.stop();
    }
  }

  #open(signal: AbortSignal): Promise<Response> {
    const { lastEventId } = this.#position;
    return this.#session.fetch(() =>
      this.#session.request(this.#path, {
        headers: { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) },
        signal: AbortSignal.any([this.#signal, signal]),
      }),
    );
  }

  /** The server accepts a token for some seconds after its expiry. A stream with such a token would end at once. */
  async #prepareNext(reason: string | undefined): Promise<void> {
    const isRenewal = reason !== undefined && RENEWING.includes(reason);
    if (isRenewal) await this.#session.renew().catch((error: unknown) => this.#countFailure(error));
    if (isRenewal && this.#position.failures === 0) return;
    if (!this.#visibility?.isHidden()) await this.#pause();
  }

  /** Network errors and a busy server are tried again. Other errors are final. */
  #countFailure(error: unknown): void {
    this.#position.failures += 1;
    const isFinal = error instanceof ProblemError && error.status < 500 && error.status !== 429;
    if (isFinal && !this.#signal.aborted) throw error;
  }

  /** Exponential and random, so that a restarted server does not get all clients at the same time. */
  #pause(): Promise<void> {
    const { retryMs, failures } = this.#position;
    const ms = Math.min(RETRY_MAX_MS, retryMs * 2 ** Math.max(0, failures - 1)) * (0.75 + Math.random() / 2);
    return untilAborted(this.#signal, (done) => {
      const timer = setTimeout(done, ms);
      return () => clearTimeout(timer);
    });
  }

  #untilVisible(): Promise<void> {
    const visibility = this.#visibility;
    if (!visibility?.isHidden()) return Promise.resolve();
    return untilAborted(this.#signal, (done) => {
      const watching = new AbortController();
      visibility.watch(() => visibility.isHidden() || done(), watching.signal);
      return () => watching.abort();
    });
  }
}

/** Aborts a connection on which nothing arrives. */
class SilenceTimer {
  readonly #connection: AbortController;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: AbortController) {
    this.#connection = connection;
    this.extend();
  }

  extend(): void {
    this.stop();
    this.#timer = setTimeout(() => this.#connection.abort(), SILENCE_MAX_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Resolves when `start` calls `done`, or when the signal aborts. `start` returns the clean-up. */
function untilAborted(signal: AbortSignal, start: (done: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cleanUp();
      // The signal may exist as long as the program.
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cleanUp = start(done);
    signal.addEventListener('abort', done);
  });
}

interface Block {
  event?: string | undefined;
  id?: string | undefined;
  retry?: number | undefined;
  data?: unknown;
}

/** Server-Sent Events (WHATWG HTML, section 9.2). A heartbeat is a block without an event. */
async function* blocksOf({ body }: Response): AsyncGenerator<Block, void, undefined> {
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A chunk may contain a part of a block, or several blocks.
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) yield parse(block);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function parse(block: string): Block {
  const fields: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const [, name, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  const { event, id, retry, data } = fields;
  return {
    event,
    id,
    retry: retry === undefined ? undefined : Number(retry),
    data: data && JSON.parse(data),
  };
}
