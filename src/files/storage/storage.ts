import type { Readable } from 'node:stream';

/** The hourly job removes everything with this prefix that is older than a day. */
export const UPLOAD_PREFIX = 'uploads/';
/** Checked copies of uploads. */
export const CHECKED_PREFIX = 'files/';

/** The key that a client uploads to. Only copied, never served: the client can replace it until the URL expires. */
export const uploadKey = (fileId: string): string => `${UPLOAD_PREFIX}${fileId}`;

/** The request that a client sends to upload a file. The store rejects another size or type. */
export interface UploadRequest {
  method: 'PUT';
  url: string;
  /** Must be sent as they are. HTTP clients add Content-Length themselves. */
  headers: Record<string, string>;
  expiresAt: Date;
}

export interface StoredObject {
  key: string;
  modifiedAt: Date;
}

/** How a browser handles the download. */
export interface Delivery {
  type: string;
  /** The value of Content-Disposition. */
  disposition: string;
}

/**
 * Stores the bytes of files under keys that this feature creates. All methods throw StorageUnavailableError when the store
 * doesn't respond. Each method is safe to repeat. test/e2e/storage.spec.ts is the contract of all implementations.
 */
export abstract class Storage {
  /** The origin of all signed URLs, for the Content-Security-Policy of a page. */
  abstract readonly origin: string;

  /** A URL for one upload with exactly this type and size. */
  abstract signUpload(
    key: string,
    content: { type: string; size: number },
    expiresAt: Date,
  ): Promise<UploadRequest>;

  /** A URL to which anyone can send GET until it expires. */
  abstract signDownload(key: string, delivery: Delivery, seconds: number): Promise<string>;

  /** False if there is no object `from`. */
  abstract copy(from: string, to: string): Promise<boolean>;

  /** Undefined if there is no such object. */
  abstract read(key: string): Promise<Readable | undefined>;

  abstract remove(key: string): Promise<void>;

  /** At most `limit` objects, in the order of their keys, after the given key. */
  abstract list(prefix: string, after: string, limit: number): Promise<StoredObject[]>;
}
