import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import http, { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { isIPv6, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { isPublicAddress, ipAddressIn, type WebhookEndpointRules } from './webhook-endpoint-rules.service.ts';

export const SEND_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const READ_MAX_BYTES = 64 * 1024;
const EXCERPT_MAX_BYTES = 4 * 1024;
const INTERIM_RESPONSES_MAX = 10;

export interface WebhookRequest {
  url: string;
  headers: OutgoingHttpHeaders;
  body: string;
}

export interface WebhookResponse {
  statusCode: number | null;
  /** For the owner of the endpoint. Null after a 2xx response. */
  error: string | null;
  durationMs: number;
  /** The start of the body. Never parsed. */
  excerpt: string;
  /** The raw header. */
  retryAfter: string | null;
}

/** Resolves a host name to all its IP addresses. */
export type Resolve = (hostname: string) => Promise<string[]>;

/** An error whose message may be shown to the owner of the endpoint. */
class SendFailure extends Error {}

/**
 * Sends requests to URLs of users. Checks the resolved IP addresses when it connects, because a name may resolve to other
 * addresses each time (OWASP Server-Side Request Forgery Prevention, DNS pinning).
 */
export class WebhookSender {
  constructor(
    private readonly rules: WebhookEndpointRules,
    private readonly resolve: Resolve = resolveName,
  ) {}

  /** Never throws: an error is part of the response. */
  async send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookResponse> {
    const startedAt = performance.now();
    const result: WebhookResponse = {
      statusCode: null,
      error: null,
      durationMs: 0,
      excerpt: '',
      retryAfter: null,
    };
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(timedOut('response', SEND_TIMEOUT_MS)), SEND_TIMEOUT_MS);
    try {
      await this.exchange(request, result, AbortSignal.any([signal, limit.signal]));
      if (!isSuccess(result.statusCode)) result.error = `The receiver responded ${result.statusCode}.`;
    } catch (error) {
      result.error = messageOf(limit.signal.aborted ? limit.signal.reason : error);
    } finally {
      clearTimeout(timer);
    }
    return { ...result, durationMs: Math.round(performance.now() - startedAt) };
  }

  private async exchange(
    request: WebhookRequest,
    result: WebhookResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const sent = this.open(request, signal);
    try {
      const response = await responseTo(sent);
      result.statusCode = response.statusCode ?? null;
      result.retryAfter = response.headers['retry-after'] ?? null;
      result.excerpt = await readExcerpt(response);
    } finally {
      sent.destroy();
    }
  }

  private open({ url: text, headers, body }: WebhookRequest, signal: AbortSignal): ClientRequest {
    // The settings may have changed since the URL was saved.
    const urlError = this.rules.findError(text);
    if (urlError) throw new SendFailure(`The URL is not allowed: ${urlError}`);
    const url = new URL(text);
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal,
      // A new connection: no proxy from the environment, and no socket that was checked for another host.
      agent: false,
      // Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      ...(!this.rules.isAllowedPrivate(url) && { lookup: this.guardedLookup }),
    });
    // Closing it may emit a second error.
    sent.on('error', () => undefined);
    limitInterimResponses(sent);
    limitConnecting(sent, url.protocol === 'https:' ? 'secureConnect' : 'connect');
    sent.end(body);
    return sent;
  }

  /** Gives Node only checked addresses. Not called for an IP address in the URL, which the URL rules check. */
  private readonly guardedLookup: LookupFunction = (hostname, { all }, callback) => {
    this.resolvePublic(hostname, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) callback(error, []);
      else if (all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

  private readonly resolvePublic = callbackify((hostname: string) => this.publicAddresses(hostname));

  /** One private address rejects the name: Node would try it if the public ones don't respond. */
  private async publicAddresses(hostname: string): Promise<LookupAddress[]> {
    const addresses = ipAddressIn(hostname) ? [hostname] : await this.resolve(hostname);
    if (addresses.length === 0) throw new SendFailure('The host name has no IP address.');
    if (!addresses.every(isPublicAddress)) {
      throw new SendFailure('The URL is not allowed: its host is in a private network.');
    }
    return addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }
}

const RESOLVE_TIMEOUT_MS = 2_000;

/** Not `dns.lookup`: it blocks a thread of the pool until the name server responds. */
async function resolveName(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 2 });
  const results = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

function limitConnecting(sent: ClientRequest, connected: 'connect' | 'secureConnect'): void {
  const timer = setTimeout(
    () => sent.destroy(timedOut('connection', CONNECT_TIMEOUT_MS)),
    CONNECT_TIMEOUT_MS,
  );
  sent.once('socket', (socket) => socket.once(connected, () => clearTimeout(timer)));
  sent.once('close', () => clearTimeout(timer));
}

/** Responses with status 1xx do not end the attempt, and an endless stream of them would use a whole CPU. */
function limitInterimResponses(sent: ClientRequest): void {
  let seen = 0;
  sent.on('information', () => {
    seen += 1;
    if (seen > INTERIM_RESPONSES_MAX) sent.destroy(new SendFailure('There were too many 1xx responses.'));
  });
}

function responseTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
    sent.once('close', () => reject(new SendFailure('The connection was closed without a response.')));
  });
}

/** Reads a short response to its end, and keeps only its start. */
async function readExcerpt(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= READ_MAX_BYTES) break;
  }
  // Postgres rejects NUL in text.
  return Buffer.concat(chunks).subarray(0, EXCERPT_MAX_BYTES).toString().replaceAll('\0', '');
}

export const isSuccess = (statusCode: number | null): boolean =>
  statusCode !== null && statusCode >= 200 && statusCode <= 299;

const timedOut = (what: string, ms: number): SendFailure =>
  new SendFailure(`There was no ${what} within ${ms / 1_000} s.`);

const CERTIFICATE_CODES = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_)/;

/** Shows the code of a network error. The message of a library may contain internal details. */
function messageOf(error: unknown): string {
  if (error instanceof SendFailure) return error.message;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return 'The connection failed.';
  return CERTIFICATE_CODES.test(code)
    ? `The certificate was rejected (${code}).`
    : `The connection failed (${code}).`;
}

const RETRY_AFTER_MAX_MS = 3_600_000;

/** Seconds or a date (RFC 9110, section 10.2.3), in milliseconds from now and at most an hour. 0 for anything else. */
export function retryAfterMs(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}
