import createFetchClient, { type Client, type FetchResponse, type MaybeOptionalInit } from 'openapi-fetch';
import type { MediaType, PathsWithMethod, RequiredKeysOf } from 'openapi-typescript-helpers';
import {
  type EndEvent,
  EventStream,
  type StreamEvent,
  type StreamOptions,
  type Visibility,
} from './event-stream.ts';
import type { File as StoredFile, Job, Notification, paths } from './schema.ts';
import { Session, type SessionOptions } from './session.ts';

export type { StreamOptions } from './event-stream.ts';
export { ProblemError } from './problem.ts';
export type * from './schema.ts';
export { memoryStore, Session, type SessionOptions, type Tokens, type TokenStore } from './session.ts';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** The path and query parameters, the headers and the body. Optional if the operation needs none. */
type Init<Options> = RequiredKeysOf<Options> extends never ? [Options?] : [Options];
type Body<Operation, Options> =
  Operation extends Record<string | number, unknown>
    ? FetchResponse<Operation, Options, MediaType>['data']
    : never;
type Call<M extends Method> = <
  Path extends PathsWithMethod<paths, M>,
  Options extends MaybeOptionalInit<paths[Path], M>,
>(
  path: Path,
  ...init: Init<Options>
) => Promise<NonNullable<Body<paths[Path][M], Options>>>;

interface Page<Item = unknown> {
  data: Item[];
  meta: { nextCursor: string | null };
}
type PageOf<Path extends keyof paths> = Extract<Body<paths[Path]['get'], object>, Page>;
/** The paths of lists with pages. */
export type ListPath = {
  [Path in PathsWithMethod<paths, 'get'>]: [PageOf<Path>] extends [never] ? never : Path;
}[PathsWithMethod<paths, 'get'>];
type ItemOf<Path extends ListPath> = PageOf<Path>['data'][number];
type ListOptions<Path extends ListPath> = Omit<MaybeOptionalInit<paths[Path], 'get'> & object, 'body'>;

export interface ClientOptions extends SessionOptions {
  /** Closes the streams of a hidden page. */
  visibility?: Visibility;
}

/** A token that expires sooner is renewed before an upload, because it must not expire during the upload. */
const UPLOAD_MARGIN_MS = 60_000;

/** A client of the API. Errors of the API reject with a ProblemError, network errors with those of fetch. */
export class ApiClient {
  readonly session: Session;
  readonly #client: Client<paths>;
  readonly #visibility: Visibility | undefined;

  readonly get: Call<'get'>;
  readonly post: Call<'post'>;
  readonly put: Call<'put'>;
  readonly patch: Call<'patch'>;
  readonly delete: Call<'delete'>;

  constructor({ visibility, ...options }: ClientOptions) {
    this.session = new Session(options);
    this.#visibility = visibility;
    const { baseUrl, refreshTokenIn } = options;
    this.#client = createFetchClient<paths>({
      baseUrl,
      credentials: refreshTokenIn === 'cookie' ? 'include' : 'same-origin',
      fetch: (request) => this.session.fetch(() => request.clone()),
    });
    this.get = this.#call('get');
    this.post = this.#call('post');
    this.put = this.#call('put');
    this.patch = this.#call('patch');
    this.delete = this.#call('delete');
  }

  /** All pages of a list, each with `data` and `meta`. Requests a page when it is asked for. */
  async *pages<Path extends ListPath>(
    path: Path,
    options?: ListOptions<Path>,
  ): AsyncGenerator<PageOf<Path>, void, undefined> {
    const { params, ...rest } = (options ?? {}) as { params?: { query?: object } };
    let cursor: string | null | undefined;
    do {
      const query = { ...params?.query, ...(cursor && { cursor }) };
      const page = await this.get(path as never, { ...rest, params: { ...params, query } } as never);
      yield page;
      cursor = (page as Page).meta.nextCursor;
    } while (cursor);
  }

  /** All items of a list, over all pages. */
  async *items<Path extends ListPath>(
    path: Path,
    options?: ListOptions<Path>,
  ): AsyncGenerator<ItemOf<Path>, void, undefined> {
    for await (const page of this.pages(path, options)) yield* page.data as ItemOf<Path>[];
  }

  /** Imports users from a CSV file. The returned job does the work: watch it with `watchJob`. */
  async importUsers(
    file: Blob | string,
    { idempotencyKey = crypto.randomUUID() }: { idempotencyKey?: string } = {},
  ): Promise<Job> {
    await this.session.renewIfExpiring(UPLOAD_MARGIN_MS);
    const headers = { 'content-type': 'text/csv', 'idempotency-key': idempotencyKey };
    const response = await this.session.fetch(() =>
      this.session.request('/v1/users/imports', { method: 'POST', headers, body: file }),
    );
    return ((await response.json()) as { data: Job }).data;
  }

  /**
   * Uploads a file directly to the file storage, and has the API check its content. The returned file is ready for use.
   * Rejects with an Error if the storage does not accept the bytes.
   */
  async uploadFile(purpose: string, content: Blob, name: string): Promise<StoredFile> {
    const body = { purpose, name, type: content.type, size: content.size };
    const { data } = await this.post('/v1/files', { body });
    const { url, method, headers } = data.upload;
    // Without a token: the URL is signed, and the storage is another server.
    const sent = await fetch(url, { method, headers, body: content });
    if (!sent.ok) throw new Error(`The file storage rejected the upload: ${sent.status}.`);
    const params = { path: { id: data.file.id } };
    return (await this.post('/v1/files/{id}/complete', { params })).data;
  }

  /** Follows a job to its end: `progress` at once and after each change, then `end`. */
  watchJob(
    id: string,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamEvent<'progress', Job> | EndEvent, void> {
    return this.#events(`/v1/jobs/${encodeURIComponent(id)}/events`, options) as never;
  }

  /** New notifications, until the session ends. */
  watchNotifications(
    options: StreamOptions = {},
  ): AsyncGenerator<StreamEvent<'notification', Notification> | EndEvent, void> {
    return this.#events('/v1/notifications/stream', options) as never;
  }

  #events(path: string, options: StreamOptions): AsyncGenerator<StreamEvent, void> {
    return new EventStream(this.session, path, options, this.#visibility).events();
  }

  #call<M extends Method>(method: M): Call<M> {
    const call = async (path: string, init?: object): Promise<unknown> =>
      (await this.#client.request(method, path as never, init as never)).data;
    return call as Call<M>;
  }
}
