import type { IncomingHttpHeaders } from 'node:http';
import type { EntityManager } from 'typeorm';

export interface InboundRequest {
  headers: IncomingHttpHeaders;
  /** The raw body, which is signed. */
  body: Buffer;
}

export interface InboundEvent {
  /** The id that the sender gives the event. It is the same when the event is sent again. */
  id: string;
  type: string;
  /** The input of `handle`. Stored as text, because a signed event may be invalid JSON. */
  payload: string;
}

/** `ignored`: an unsupported type. `invalid`: signed, but its payload does not match its type. */
export type Outcome = 'handled' | 'ignored' | 'invalid';

/** A sender of events. To add one: docs/guides/add-a-webhook-source.md. */
export interface WebhookSource {
  /** The last part of the URL: /v1/webhooks/<name>. */
  readonly name: string;
  /** False if its settings are empty. Requests then get 404. */
  readonly isConfigured: boolean;
  /** Null if the signature is invalid. Reads nothing of the body before that check. */
  verify(request: InboundRequest): InboundEvent | null | Promise<InboundEvent | null>;
  /** Handles the event. Its changes are committed once, even if the event is received several times. */
  handle(event: InboundEvent, tx: EntityManager): Promise<Outcome>;
}

const ID_MAX = 200;

/** The value of a header that is sent once and is short enough for a key. */
export function headerOf({ headers }: InboundRequest, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' && value.length <= ID_MAX ? value : null;
}

export const EVENT_TYPE = /^[\w.:/-]{1,100}$/;

/** The event type in the body, or `unknown`. */
export function typeOf(payload: string): string {
  const { type } = (jsonIn(payload) ?? {}) as { type?: unknown };
  return typeof type === 'string' && EVENT_TYPE.test(type) ? type : 'unknown';
}

/** Undefined if the text is not JSON: a signed body may still be invalid. */
export function jsonIn(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
