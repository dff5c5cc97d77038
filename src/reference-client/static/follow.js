import { fetchSignedIn, renewSession } from './api.js';
import { blocksOf } from './event-stream.js';

/** Until the server has said how long. */
const RETRY_MS = 3_000;
const RETRY_MAX_MS = 30_000;
/** The server shows at least once a minute that it lives; a connection that died silently shows nothing. */
const SILENCE_MAX_MS = 90_000;

/** The ends of a stream after which there is more to come. Any other is final. */
const renewing = new Set(['token-expired', 'session-ended']);
const interruptions = new Set(['server-draining', undefined]);

/**
 * Keeps a stream of events open until `signal` aborts, through restarts of the server and new access tokens, and goes on
 * where it was. Resolves to the reason when the server ends it; rejects when the server rejects it.
 *
 * - `received(event, data)` is called with each event.
 * - `begin()`, optional, loads what there was before and resolves to the id of the newest, or nothing where there is
 *   none. It is called while the stream is open, so no event is missed; an event can arrive twice.
 *
 * A hidden tab keeps no connection: a browser has six for all tabs together, unless the server has HTTP/2.
 */
export async function follow(path, { begin, received }, signal) {
  const place = { lastEventId: undefined, retryMs: RETRY_MS, failures: 0 };
  for (;;) {
    await untilVisible(signal);
    const reason = await listen(path, { place, begin, received }, signal).catch(failureIn(place, signal));
    if (signal.aborted) return undefined;
    if (!renewing.has(reason) && !interruptions.has(reason)) return reason;
    // The server takes a token some seconds longer than it lives, so coming back with it would only end again.
    if (renewing.has(reason)) await renewSession().catch(failureIn(place, signal));
    const isRenewed = renewing.has(reason) && place.failures === 0;
    if (!isRenewed && !document.hidden && !signal.aborted) await pause(waitingTime(place), signal);
  }
}

/** Resolves to why the stream has ended; to undefined where it broke off. */
async function listen(path, { place, begin, received }, signal) {
  const connection = new AbortController();
  let silence;
  const expectLife = () => {
    clearTimeout(silence);
    silence = setTimeout(() => connection.abort(), SILENCE_MAX_MS);
  };
  document.addEventListener('visibilitychange', () => connection.abort(), { signal: connection.signal });
  try {
    expectLife();
    const response = await fetchSignedIn(path, {
      headers: place.lastEventId ? { 'last-event-id': place.lastEventId } : {},
      signal: AbortSignal.any([signal, connection.signal]),
    });
    place.failures = 0;
    place.lastEventId ??= await begin?.();
    for await (const { event, id, retry, data } of blocksOf(response)) {
      expectLife();
      place.retryMs = Number(retry ?? place.retryMs);
      if (event === 'end') return data.reason;
      if (event) received(event, data);
      place.lastEventId = id ?? place.lastEventId;
    }
  } finally {
    clearTimeout(silence);
    // Also takes away the listener.
    connection.abort();
  }
  return undefined;
}

/** Retry network errors and a busy server. Other errors are final. */
const failureIn = (place, signal) => (error) => {
  place.failures += 1;
  if (error.status < 500 && error.status !== 429 && !signal.aborted) throw error;
};

/** Longer each time, and not the same for all, or a server that comes back is overrun. */
function waitingTime({ retryMs, failures }) {
  return Math.min(RETRY_MAX_MS, retryMs * 2 ** Math.max(0, failures - 1)) * (0.75 + Math.random() / 2);
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      // A signal may last as long as the page.
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

function untilVisible(signal) {
  return new Promise((resolve) => {
    if (!document.hidden || signal.aborted) return resolve();
    const done = () => {
      document.removeEventListener('visibilitychange', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}
