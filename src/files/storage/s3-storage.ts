import { Logger } from '@nestjs/common';
import { AwsClient, AwsV4Signer } from 'aws4fetch';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../platform/config/config.ts';
import { StorageUnavailableError } from '../files.errors.ts';
import { type Delivery, Storage, type StoredObject, type UploadRequest } from './storage.ts';

const ATTEMPTS = 3;
const RETRY_DELAY_MS = 200;
/** No retry starts later than this after the first attempt. */
const RETRIES_MS = 10_000;
/** Until the headers of a response. */
const TIMEOUT_MS = 4_000;
/** The store makes the copy before it sends the headers, or after the headers and before the body. */
const COPY_TIMEOUT_MS = 15_000;
/** From the headers to the end of the response. */
const BODY_TIMEOUT_MS = 5_000;
/** At least 5 MB per second: the client waits. */
const FILE_TIMEOUT_MS = 20_000;

interface CallOptions {
  headers?: Record<string, string>;
  query?: Record<string, string>;
  timeoutMs?: number;
  bodyTimeoutMs?: number;
}

/** Any service with the S3 API. Signed with AWS Signature Version 4 (docs/decisions/0053-file-storage.md). */
export class S3Storage extends Storage {
  readonly origin: string;
  private readonly logger = new Logger('Storage');
  private readonly credentials;
  private readonly client: AwsClient;

  constructor(private readonly config: Config) {
    super();
    this.credentials = {
      accessKeyId: config.FILES_S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: config.FILES_S3_SECRET_ACCESS_KEY ?? '',
      region: config.FILES_S3_REGION,
      service: 's3',
    };
    this.client = new AwsClient({ ...this.credentials, retries: 0 });
    this.origin = this.publicUrlOf('').origin;
  }

  async signUpload(
    key: string,
    { type, size }: { type: string; size: number },
    expiresAt: Date,
  ): Promise<UploadRequest> {
    const headers = { 'content-type': type };
    const seconds = Math.max(1, Math.ceil((expiresAt.getTime() - Date.now()) / 1_000));
    const signed = { ...headers, 'content-length': String(size) };
    const url = await this.signUrl('PUT', key, { 'X-Amz-Expires': String(seconds) }, signed);
    return { method: 'PUT', url, headers, expiresAt };
  }

  signDownload(key: string, { type, disposition }: Delivery, seconds: number): Promise<string> {
    return this.signUrl('GET', key, {
      'X-Amz-Expires': String(seconds),
      'response-content-type': type,
      'response-content-disposition': disposition,
      'response-cache-control': `private, max-age=${seconds}`,
    });
  }

  async copy(from: string, to: string): Promise<boolean> {
    const source = `/${this.config.FILES_S3_BUCKET}/${from}`;
    const response = await this.call('PUT', to, {
      headers: { 'x-amz-copy-source': source },
      timeoutMs: COPY_TIMEOUT_MS,
    });
    const body = await this.textOf(response);
    if (response.status === 404) return false;
    // S3 may report an error after it has sent the status 200.
    if (!response.ok || body.includes('<Error>')) throw this.unavailable('copy', response.status, body);
    return true;
  }

  async read(key: string): Promise<Readable | undefined> {
    const response = await this.call('GET', key, { bodyTimeoutMs: FILE_TIMEOUT_MS });
    if (response.ok && response.body) return Readable.fromWeb(response.body);
    const body = await this.textOf(response);
    if (response.status === 404) return undefined;
    throw this.unavailable('read', response.status, body);
  }

  async remove(key: string): Promise<void> {
    const response = await this.call('DELETE', key);
    const body = await this.textOf(response);
    if (!response.ok && response.status !== 404) throw this.unavailable('remove', response.status, body);
  }

  async list(prefix: string, after: string, limit: number): Promise<StoredObject[]> {
    const query = { 'list-type': '2', prefix, 'start-after': after, 'max-keys': String(limit) };
    const response = await this.call('GET', '', { query });
    const body = await this.textOf(response);
    if (!response.ok) throw this.unavailable('list', response.status, body);
    return [...body.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry = '']) => ({
      key: tagIn(entry, 'Key'),
      modifiedAt: new Date(tagIn(entry, 'LastModified')),
    }));
  }

  private async signUrl(
    method: string,
    key: string,
    query: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<string> {
    const url = this.publicUrlOf(key);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const options = {
      ...this.credentials,
      method,
      url: url.href,
      headers,
      signQuery: true,
      allHeaders: true,
    };
    const signed = await new AwsV4Signer(options).sign();
    // URL writes a space as a plus, which S3 does not read as a space.
    return signed.url.href.replaceAll('+', '%20');
  }

  private get endpoint(): string {
    return this.config.FILES_S3_ENDPOINT ?? `https://s3.${this.config.FILES_S3_REGION}.amazonaws.com`;
  }

  /** Clients may reach the bucket at another host, and the signature covers the host. */
  private publicUrlOf(key: string): URL {
    return this.urlOf(key, this.config.FILES_S3_PUBLIC_ENDPOINT ?? this.endpoint);
  }

  private urlOf(key: string, endpoint: string): URL {
    const { FILES_S3_BUCKET: bucket = '', FILES_S3_PATH_STYLE: isPathStyle } = this.config;
    const url = new URL(endpoint);
    if (!isPathStyle) url.hostname = `${bucket}.${url.hostname}`;
    const path = isPathStyle ? [bucket, key] : [key];
    url.pathname = `/${path.filter(Boolean).join('/')}`;
    return url;
  }

  /** Sends the request again after a broken connection, a timeout or a 5xx. All requests are safe to repeat. */
  private async call(method: string, key: string, options: CallOptions = {}): Promise<Response> {
    const lastRetryAt = Date.now() + RETRIES_MS;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.attempt(method, key, options);
      if (outcome instanceof Response && !isTemporary(outcome)) return outcome;
      if (outcome instanceof Response) await outcome.body?.cancel();
      if (attempt === ATTEMPTS || Date.now() > lastRetryAt) {
        const err = outcome instanceof Response ? `status ${outcome.status}` : outcome;
        this.logger.warn({ msg: 'The file storage does not respond', method, err });
        throw new StorageUnavailableError();
      }
      await pause(RETRY_DELAY_MS * attempt * (0.5 + Math.random()));
    }
  }

  private async attempt(method: string, key: string, options: CallOptions): Promise<unknown> {
    const { headers = {}, query = {}, timeoutMs = TIMEOUT_MS, bodyTimeoutMs = BODY_TIMEOUT_MS } = options;
    const url = this.urlOf(key, this.endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(new Error(`No response within ${timeoutMs} ms`)), timeoutMs);
    const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(timeoutMs + bodyTimeoutMs)]);
    try {
      const request = await this.client.sign(url.href, { method, headers });
      return await fetch(request, { signal, redirect: 'error' });
    } catch (error) {
      return error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async textOf(response: Response): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      this.logger.warn({ msg: 'The file storage stopped in the middle of a response', err: error });
      throw new StorageUnavailableError();
    }
  }

  /** A client can't fix this, for example wrong credentials. So it gets 503, and the log has the reason. */
  private unavailable(action: string, status: number, body: string): StorageUnavailableError {
    this.logger.error({
      msg: 'The file storage rejected a request',
      action,
      status,
      code: tagIn(body, 'Code'),
    });
    return new StorageUnavailableError();
  }
}

const isTemporary = ({ status }: Response): boolean => status >= 500 || status === 429;

/** Our keys and the codes of S3 contain no characters that XML escapes. */
const tagIn = (xml: string, tag: string): string =>
  new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1] ?? '';
