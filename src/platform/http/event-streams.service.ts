import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.ts';
import { HealthService } from '../health/health.service.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import type { Principal } from '../security/principal.ts';
import { EventStream } from './event-stream.ts';

/** Per kind and user, on one instance. */
const STREAMS_PER_USER_MAX = 5;

/**
 * Keep proxies from delaying events. nginx buffers without `X-Accel-Buffering: no`. Fly's proxy and many others compress,
 * and therefore buffer, unless the response has an encoding or forbids transformation.
 */
const STREAM_HEADERS = {
  'cache-control': 'no-store, no-transform',
  'content-encoding': 'none',
  'x-accel-buffering': 'no',
};

/** A stream, or another connection that stays open. */
export interface LiveConnection {
  readonly signal: AbortSignal;
  close(reason: string): void;
}

interface OpenStream {
  caller: Principal;
  stream: LiveConnection;
}

/** The open streams of this instance. Each closes with its caller's session or access token, or when the instance drains. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  /** By kind and user, oldest first, so that opening a stream doesn't read those of other users. */
  private readonly openStreams = new Map<string, Set<OpenStream>>();
  private isRevoked: (caller: Principal) => boolean = () => false;
  private isDraining = false;

  constructor(
    private readonly config: Config,
    health: HealthService,
    metrics: Metrics,
  ) {
    metrics.gauge({ name: 'event_streams_open', help: 'Open streams and WebSockets.' }, () => [
      { value: this.listOpen().length },
    ]);
    health.onDrain(() => this.closeAll());
  }

  /** Sets the check that closes streams. It runs in `open`, and for all open streams in `closeRevoked`. */
  closeWhen(isRevoked: (caller: Principal) => boolean): void {
    this.isRevoked = isRevoked;
  }

  closeRevoked(): void {
    for (const { caller, stream } of this.listOpen()) {
      if (this.isRevoked(caller)) stream.close('session-ended');
    }
  }

  /** The returned stream may already be closed. A sixth stream of the same kind and user closes the oldest one. */
  open(kind: string, caller: Principal, reply: FastifyReply): EventStream {
    void reply.headers(STREAM_HEADERS);
    const stream = new EventStream(reply.raw, this.config.STREAM_HEARTBEAT_SECONDS * 1_000);
    this.track(kind, caller, stream);
    return stream;
  }

  /** Closes the connection like a stream, at once if its caller is no longer signed in. */
  track(kind: string, caller: Principal, stream: LiveConnection): void {
    const key = `${kind} ${caller.userId}`;
    const entry = { caller, stream };
    const ofUser = this.openStreams.get(key) ?? new Set();
    this.openStreams.set(key, ofUser.add(entry));
    const lifeMs = Math.max(0, caller.expiresAt.getTime() - Date.now());
    const expiry = setTimeout(() => stream.close('token-expired'), lifeMs);
    stream.signal.addEventListener('abort', () => {
      clearTimeout(expiry);
      ofUser.delete(entry);
      if (ofUser.size === 0 && this.openStreams.get(key) === ofUser) this.openStreams.delete(key);
    });
    for (const excess of [...ofUser].slice(0, -STREAMS_PER_USER_MAX)) excess.stream.close('too-many-streams');
    // Both may have changed since the guard ran.
    if (this.isDraining) stream.close('server-draining');
    if (this.isRevoked(caller)) stream.close('session-ended');
  }

  /** Runs before the HTTP server closes, because the server waits for open responses. */
  onModuleDestroy(): void {
    this.closeAll();
  }

  private listOpen(): OpenStream[] {
    return [...this.openStreams.values()].flatMap((ofUser) => [...ofUser]);
  }

  private closeAll(): void {
    this.isDraining = true;
    for (const { stream } of this.listOpen()) stream.close('server-draining');
  }
}
