import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import http, { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { isPublicAddress } from './public-address.ts';
import { addressIn, type WebhookUrlRules } from './webhook-url-rules.service.ts';

export const SEND_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const READ_MAX_BYTES = 64 * 1024;
const KEPT_MAX_BYTES = 4 * 1024;
const INTERIM_ANSWERS_MAX = 10;

export interface WebhookRequest {
  url: string;
  headers: OutgoingHttpHeaders;
  body: string;
}

export interface WebhookAnswer {
  statusCode: number | null;
  /** In words for the owner of the endpoint; null where the receiver has taken the event. */
  error: string | null;
  durationMs: number;
  /** The beginning of the body. Never parsed. */
  excerpt: string;
  /** As it came. */
  retryAfter: string | null;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<string[]>;

/** Why an attempt failed, in our words. */
class SendFailure extends Error {}

/**
 * Posts to strangers. Guarded at the moment of connecting, on the addresses that are connected to: what a name meant
 * earlier, or means to others, says nothing (OWASP Server-Side Request Forgery Prevention, DNS pinning).
 */
export class WebhookSender {
  constructor(
    private readonly rules: WebhookUrlRules,
    private readonly resolve: Resolve = resolveName,
  ) {}

  /** Never throws: whatever happens is the answer. */
  async send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const startedAt = performance.now();
    const answer: WebhookAnswer = {
      statusCode: null,
      error: null,
      durationMs: 0,
      excerpt: '',
      retryAfter: null,
    };
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(timedOut('answer', SEND_TIMEOUT_MS)), SEND_TIMEOUT_MS);
    try {
      await this.exchange(request, answer, AbortSignal.any([signal, limit.signal]));
      if (!isSuccess(answer.statusCode)) answer.error = `The receiver answered ${answer.statusCode}.`;
    } catch (error) {
      answer.error = wordsFor(limit.signal.aborted ? limit.signal.reason : error);
    } finally {
      clearTimeout(timer);
    }
    return { ...answer, durationMs: Math.round(performance.now() - startedAt) };
  }

  private async exchange(request: WebhookRequest, answer: WebhookAnswer, signal: AbortSignal): Promise<void> {
    const sent = this.open(request, signal);
    try {
      const response = await responseTo(sent);
      answer.statusCode = response.statusCode ?? null;
      answer.retryAfter = response.headers['retry-after'] ?? null;
      answer.excerpt = await readExcerpt(response);
    } finally {
      sent.destroy();
    }
  }

  private open({ url: text, headers, body }: WebhookRequest, signal: AbortSignal): ClientRequest {
    // Again, since the settings may have changed since the address was taken.
    const refusal = this.rules.refusal(text);
    if (refusal) throw new SendFailure(`The address is not allowed: ${refusal}`);
    const url = new URL(text);
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal,
      // A connection of its own: no proxy from the environment, no socket that was vetted for something else.
      agent: false,
      // Even where NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
      rejectUnauthorized: true,
      ...(!this.rules.isLetThrough(url) && { lookup: this.guardedLookup }),
    });
    // It may fail once more while it is being closed.
    sent.on('error', () => undefined);
    limitInterimAnswers(sent);
    limitConnecting(sent, url.protocol === 'https:' ? 'secureConnect' : 'connect');
    sent.end(body);
    return sent;
  }

  /** Gives Node only addresses that were looked at. Not called for an address in the URL: the rules have seen that. */
  private readonly guardedLookup: LookupFunction = (hostname, { all }, callback) => {
    this.vet(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) callback(error, []);
      else if (all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

  private readonly vet = callbackify((hostname: string) => this.vettedAddresses(hostname));

  /** One private address refuses the name: it would be tried when the public ones don't answer. */
  private async vettedAddresses(hostname: string): Promise<LookupAddress[]> {
    const addresses = addressIn(hostname) ? [hostname] : await this.resolve(hostname);
    if (addresses.length === 0) throw new SendFailure('The name of the receiver leads nowhere.');
    if (!addresses.every(isPublicAddress)) {
      throw new SendFailure('The address is not allowed: it leads into a private network.');
    }
    return addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }
}

const RESOLVE_TIMEOUT_MS = 2_000;

/** Not `dns.lookup`, which takes a thread of the pool for as long as somebody's name server likes. */
async function resolveName(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 2 });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

function limitConnecting(sent: ClientRequest, connected: 'connect' | 'secureConnect'): void {
  const timer = setTimeout(
    () => sent.destroy(timedOut('connection', CONNECT_TIMEOUT_MS)),
    CONNECT_TIMEOUT_MS,
  );
  sent.once('socket', (socket) => socket.once(connected, () => clearTimeout(timer)));
  sent.once('close', () => clearTimeout(timer));
}

/** They end neither the attempt nor its time limit, and a stream of them keeps a whole core busy. */
function limitInterimAnswers(sent: ClientRequest): void {
  let seen = 0;
  sent.on('information', () => {
    seen += 1;
    if (seen > INTERIM_ANSWERS_MAX) sent.destroy(new SendFailure('There were too many interim answers.'));
  });
}

function responseTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.once('close', () => reject(new SendFailure('The connection was closed without an answer.')));
  });
}

/** Reads so much that a short answer is seen to its end, and keeps little of it. */
async function readExcerpt(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= READ_MAX_BYTES) break;
  }
  // Postgres takes no NUL in a text.
  return Buffer.concat(chunks).subarray(0, KEPT_MAX_BYTES).toString().replaceAll('\0', '');
}

export const isSuccess = (statusCode: number | null): boolean =>
  statusCode !== null && statusCode >= 200 && statusCode <= 299;

const timedOut = (what: string, ms: number): SendFailure =>
  new SendFailure(`There was no ${what} within ${ms / 1_000} s.`);

const CERTIFICATE_CODES = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/;

/** The code of a fault of the network helps its owner; a library's message may tell more than is theirs to know. */
function wordsFor(error: unknown): string {
  if (error instanceof SendFailure) return error.message;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return 'The connection failed.';
  return CERTIFICATE_CODES.test(code)
    ? `The certificate was refused (${code}).`
    : `The connection failed (${code}).`;
}
