import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { type BusPayload, MessageBus } from '../bus/message-bus.ts';
import type { EventStream } from './event-stream.ts';

const STREAMS_PER_USER_MAX = 5;

interface Place {
  takenAt: number;
  /** Not there for a stream of another instance, which ends it itself. */
  stream?: EventStream;
}

/**
 * Room for so many streams of a kind and user, on all instances together: the oldest gives way. Instances tell each other
 * on the bus what begins and ends, and each ends those of its own that have enough newer ones. While the bus is down,
 * each counts for itself, and a stream too many lives on until its access token expires.
 */
@Injectable()
export class StreamPlaces {
  /** By kind and user, then by the id of the place. Only where this instance has a stream. */
  private readonly places = new Map<string, Map<string, Place>>();

  constructor(private readonly bus: MessageBus) {}

  take(key: string, stream: EventStream): void {
    const [id, takenAt] = [randomUUID(), Date.now()];
    const channel = `streams:${key}`;
    const known = this.places.get(key) ?? new Map<string, Place>();
    this.places.set(key, known.set(id, { takenAt, stream }));
    const unsubscribe = this.bus.subscribe(channel, (payload) => hear(known, payload));
    stream.signal.addEventListener('abort', () => {
      unsubscribe();
      known.delete(id);
      if (![...known.values()].some((place) => place.stream)) this.places.delete(key);
      this.bus.publish(channel, { left: id });
    });
    this.bus.publish(channel, { taken: id, takenAt: String(takenAt) });
    makeRoom(known);
  }
}

function hear(known: Map<string, Place>, payload?: BusPayload): void {
  const { taken, takenAt, left } = payload ?? {};
  if (left) known.delete(left);
  if (!taken || known.has(taken)) return;
  known.set(taken, { takenAt: Number(takenAt) });
  makeRoom(known);
}

function makeRoom(known: Map<string, Place>): void {
  const oldestFirst = [...known].toSorted(([, one], [, other]) => one.takenAt - other.takenAt);
  for (const [id, { stream }] of oldestFirst.slice(0, -STREAMS_PER_USER_MAX)) {
    known.delete(id);
    stream?.end('too-many-streams');
  }
}
