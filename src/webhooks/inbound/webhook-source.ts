import type { IncomingHttpHeaders } from 'node:http';
import type { EntityManager } from 'typeorm';

export interface InboundRequest {
  headers: IncomingHttpHeaders;
  /** As it was sent: what a signature is over. */
  body: Buffer;
}

export interface InboundEvent {
  /** The sender's own, the same when it sends the event again. */
  id: string;
  type: string;
  /** What `handle` is given; kept as text, since a signed event may still be no valid one. */
  payload: string;
}

/** `ignored`: of a type that means nothing to us. `invalid`: signed, but not what its type promises. */
export type Outcome = 'handled' | 'ignored' | 'invalid';

/** Somebody who sends us events. To add another: docs/guides/add-a-webhook-source.md. */
export interface WebhookSource {
  /** The last part of its address: /v1/webhooks/<name>. */
  readonly name: string;
  /** False where its settings are empty: then it is as if it did not exist. */
  readonly isConfigured: boolean;
  /** Null where the sender can't prove who it is. Looks at nothing in the body before it has. */
  verify(request: InboundRequest): InboundEvent | null | Promise<InboundEvent | null>;
  /** Acts upon the event. What it writes commits once, however often the event comes. */
  handle(event: InboundEvent, tx: EntityManager): Promise<Outcome>;
}

const ID_MAX = 200;

/** A header that stands once and may serve as a key. */
export function headerOf({ headers }: InboundRequest, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' && value.length <= ID_MAX ? value : null;
}

export const EVENT_TYPE = /^[\w.:/-]{1,100}$/;

/** What a signed body calls itself; `unknown` where that is no name. */
export function typeOf(payload: string): string {
  const { type } = (jsonIn(payload) ?? {}) as { type?: unknown };
  return typeof type === 'string' && EVENT_TYPE.test(type) ? type : 'unknown';
}

/** Undefined where the text is no JSON: to be signed doesn't make it an event. */
export function jsonIn(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
