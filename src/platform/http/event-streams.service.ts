import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Config } from '../config/config.ts';
import { HealthService } from '../health/health.service.ts';
import type { Principal } from '../security/principal.ts';
import { EventStream } from './event-stream.ts';

const STREAMS_PER_USER_MAX = 5;

interface OpenStream {
  caller: Principal;
  stream: EventStream;
}

/** The streams that are open on this instance, each for as long as its caller may listen and the instance stays. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  /** Oldest first; by kind and user, since those of one kind make room for each other. */
  private readonly open = new Map<string, OpenStream[]>();
  private isRevoked: (caller: Principal) => boolean = () => false;
  private isEnding = false;

  constructor(
    private readonly config: Config,
    health: HealthService,
  ) {
    health.onDrain(() => this.endAll());
  }

  /** Who is asked, when a stream begins and by `endRevoked`, whether its caller may no longer listen. */
  endWhere(isRevoked: (caller: Principal) => boolean): void {
    this.isRevoked = isRevoked;
  }

  endRevoked(): void {
    for (const { caller, stream } of this.all()) if (this.isRevoked(caller)) stream.end('session-ended');
  }

  /** The answer of a route that has nothing else to say. It may have ended already. */
  begin(kind: string, caller: Principal, reply: FastifyReply): EventStream {
    // Some proxies hold an answer back until it is whole (nginx, "X-Accel-Buffering").
    void reply.header('x-accel-buffering', 'no');
    const stream = new EventStream(reply.raw, this.config.STREAM_HEARTBEAT_SECONDS * 1_000);
    this.keep(`${kind} ${caller.userId}`, { caller, stream });
    const lifeMs = Math.max(0, caller.expiresAt.getTime() - Date.now());
    const expiry = setTimeout(() => stream.end('token-expired'), lifeMs);
    stream.signal.addEventListener('abort', () => clearTimeout(expiry));
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
    for (const { stream } of this.all()) stream.end('server-draining');
  }

  private keep(key: string, entry: OpenStream): void {
    const own = [...(this.open.get(key) ?? []), entry];
    this.open.set(key, own);
    entry.stream.signal.addEventListener('abort', () => this.forget(key, entry));
    for (const { stream } of own.slice(0, -STREAMS_PER_USER_MAX)) stream.end('too-many-streams');
  }

  private forget(key: string, entry: OpenStream): void {
    const others = (this.open.get(key) ?? []).filter((other) => other !== entry);
    if (others.length > 0) this.open.set(key, others);
    else this.open.delete(key);
  }

  private all(): OpenStream[] {
    return [...this.open.values()].flat();
  }
}
