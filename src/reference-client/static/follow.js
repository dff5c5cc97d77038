import { fetchSignedIn, renewSession } from './api.js';
import { blocksOf } from './event-stream.js';

/** The default, if the server has sent no retry time. */
const RETRY_MS = 3_000;
const RETRY_MAX_MS = 30_000;
/** The server sends a heartbeat at least once a minute, so a longer silence means that the connection is broken. */
const SILENCE_MAX_MS = 90_000;

/** Reasons after which the client reconnects. All others are final. */
const renewing = new Set(['token-expired', 'session-ended']);
const interruptions = new Set(['server-draining', undefined]);

/**
 * Keeps an event stream open until `signal` aborts. Reconnects after restarts of the server and with new access tokens, and
 * resumes after the last event. Resolves to the final reason of the server. Rejects if the server rejects the request.
 *
 * - `received(event, data)` is called with each event.
 * - `begin()`, optional, loads earlier items and resolves to the id of the newest, if any. It is called while the stream is
 *   open, so no event is missed. An event can arrive twice.
 *
 * A hidden tab closes its connection, because with HTTP/1.1 a browser opens only six for all tabs.
 */
export async function follow(path, { begin, received }, signal) {
  const place = { lastEventId: undefined, retryMs: RETRY_MS, failures: 0 };
  for (;;) {
    await untilVisible(signal);
    const reason = await listen(path, { place, begin, received }, signal).catch(failureIn(place, signal));
    if (signal.aborted) return undefined;
    if (!renewing.has(reason) && !interruptions.has(reason)) return reason;
    // The server accepts a token some seconds after its expiry, so a reconnect with it would end again at once.
    if (renewing.has(reason)) await renewSession().catch(failureIn(place, signal));
    const isRenewed = renewing.has(reason) && place.failures === 0;
    if (!isRenewed && !document.hidden && !signal.aborted) await pause(waitingTime(place), signal);
  }
}

/** Resolves to the reason of the end, or to undefined if the connection broke. */
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
    // Also removes the listener.
    connection.abort();
  }
  return undefined;
}

/** Retry network errors and a busy server. Other errors are final. */
const failureIn = (place, signal) => (error) => {
  place.failures += 1;
  if (error.status < 500 && error.status !== 429 && !signal.aborted) throw error;
};

/** Exponential and random, so that a restarted server does not get all clients at the same time. */
function waitingTime({ retryMs, failures }) {
  return Math.min(RETRY_MAX_MS, retryMs * 2 ** Math.max(0, failures - 1)) * (0.75 + Math.random() / 2);
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      // The signal may exist as long as the page.
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
