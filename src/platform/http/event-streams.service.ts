import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.ts';
import { HealthService } from '../health/health.service.ts';
import type { Principal } from '../security/principal.ts';
import { EventStream } from './event-stream.ts';

/** Of one kind and user, on one instance. */
const STREAMS_PER_USER_MAX = 5;

/**
 * Proxies must send each event at once: nginx buffers unless `X-Accel-Buffering` is off, and Fly's proxy and many others
 * compress (and so buffer) unless the response already names an encoding or forbids transformation.
 */
const STREAM_HEADERS = {
  'cache-control': 'no-store, no-transform',
  'content-encoding': 'none',
  'x-accel-buffering': 'no',
};

interface OpenStream {
  kind: string;
  caller: Principal;
  stream: EventStream;
}

/** The open streams of this instance. Each closes with its caller's session or access token, or when the instance drains. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  /** Oldest first. */
  private readonly openStreams = new Set<OpenStream>();
  private isRevoked: (caller: Principal) => boolean = () => false;
  private isDraining = false;

  constructor(
    private readonly config: Config,
    health: HealthService,
  ) {
    health.onDrain(() => this.closeAll());
  }

  /** Sets the check that closes streams: at `open`, and for all open streams at `closeRevoked`. */
  closeWhen(isRevoked: (caller: Principal) => boolean): void {
    this.isRevoked = isRevoked;
  }

  closeRevoked(): void {
    for (const { caller, stream } of this.openStreams) {
      if (this.isRevoked(caller)) stream.close('session-ended');
    }
  }

  /** The returned stream may already be closed. A sixth stream of a kind and user closes the oldest of them. */
  open(kind: string, caller: Principal, reply: FastifyReply): EventStream {
    void reply.headers(STREAM_HEADERS);
    const stream = new EventStream(reply.raw, this.config.STREAM_HEARTBEAT_SECONDS * 1_000);
    const entry = { kind, caller, stream };
    this.openStreams.add(entry);
    const lifeMs = Math.max(0, caller.expiresAt.getTime() - Date.now());
    const expiry = setTimeout(() => stream.close('token-expired'), lifeMs);
    stream.signal.addEventListener('abort', () => {
      clearTimeout(expiry);
      this.openStreams.delete(entry);
    });
    this.closeExcess(kind, caller.userId);
    // What has changed since the guard accepted the caller.
    if (this.isDraining) stream.close('server-draining');
    if (this.isRevoked(caller)) stream.close('session-ended');
    return stream;
  }

  /** Before the HTTP server closes, which waits for open responses. */
  onModuleDestroy(): void {
    this.closeAll();
  }

  private closeExcess(kind: string, userId: string): void {
    const ofUser = [...this.openStreams].filter(
      (entry) => entry.kind === kind && entry.caller.userId === userId,
    );
    for (const { stream } of ofUser.slice(0, -STREAMS_PER_USER_MAX)) stream.close('too-many-streams');
  }

  private closeAll(): void {
    this.isDraining = true;
    for (const { stream } of this.openStreams) stream.close('server-draining');
  }
}
