import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.ts';
import { HealthService } from '../health/health.service.ts';
import type { Principal } from '../security/principal.ts';
import { EventStream } from './event-stream.ts';
import { StreamPlaces } from './stream-places.service.ts';

interface OpenStream {
  caller: Principal;
  stream: EventStream;
}

/** The streams that are open on this instance, each for as long as its caller may listen and the instance stays. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  private readonly open = new Set<OpenStream>();
  private isRevoked: (caller: Principal) => boolean = () => false;
  private isEnding = false;

  constructor(
    private readonly config: Config,
    private readonly places: StreamPlaces,
    health: HealthService,
  ) {
    health.onDrain(() => this.endAll());
  }

  /** Who is asked, when a stream begins and by `endRevoked`, whether its caller may no longer listen. */
  endWhere(isRevoked: (caller: Principal) => boolean): void {
    this.isRevoked = isRevoked;
  }

  endRevoked(): void {
    for (const { caller, stream } of this.open) if (this.isRevoked(caller)) stream.end('session-ended');
  }

  /** The answer of a route that has nothing else to say. It may have ended already. */
  begin(kind: string, caller: Principal, reply: FastifyReply): EventStream {
    // Some proxies hold an answer back until it is whole (nginx, "X-Accel-Buffering").
    void reply.header('x-accel-buffering', 'no');
    const stream = new EventStream(reply.raw, this.config.STREAM_HEARTBEAT_SECONDS * 1_000);
    const entry = { caller, stream };
    this.open.add(entry);
    const lifeMs = Math.max(0, caller.expiresAt.getTime() - Date.now());
    const expiry = setTimeout(() => stream.end('token-expired'), lifeMs);
    stream.signal.addEventListener('abort', () => {
      clearTimeout(expiry);
      this.open.delete(entry);
    });
    // Those of one kind make room for each other.
    this.places.take(`${kind}:${caller.userId}`, stream);
    // What has happened since the guard let the caller in.
    if (this.isEnding) stream.end('server-draining');
    if (this.isRevoked(caller)) stream.end('session-ended');
    return stream;
  }

  /** Before the HTTP server closes, which waits for answers that are under way. */
  onModuleDestroy(): void {
    this.endAll();
  }

  private endAll(): void {
    this.isEnding = true;
    for (const { stream } of this.open) stream.end('server-draining');
  }
}
