import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../../platform/config/config.ts';
import type { MacService } from '../../platform/security/mac.service.ts';
import { StorageUnavailableError } from '../files.errors.ts';
import { type Delivery, Storage, type StoredObject, UPLOAD_PREFIX, type UploadRequest } from './storage.ts';

export const LOCAL_FILES_PATH = '/local-files';
const MAC_PURPOSE = 'local-files';
/** The request that a signed URL of an upload or download allows. The signature covers all fields. */
export interface LocalGrant {
  method: 'GET' | 'PUT';
  key: string;
  /** Milliseconds since 1970. */
  expires: number;
  type: string;
  size?: number | undefined;
  disposition?: string | undefined;
}

/** Files in a folder, for development and for servers with one machine. local-storage.routes.ts serves the URLs. */
export class LocalStorage extends Storage {
  readonly origin: string;
  private readonly logger = new Logger('Storage');
  private readonly root: string;

  constructor(
    private readonly config: Config,
    private readonly macs: MacService,
  ) {
    super();
    this.root = resolve(config.FILES_DIR);
    this.origin = new URL(config.PUBLIC_URL).origin;
  }

  async signUpload(
    key: string,
    { type, size }: { type: string; size: number },
    expiresAt: Date,
  ): Promise<UploadRequest> {
    const url = this.sign({ method: 'PUT', key, type, size, expires: expiresAt.getTime() });
    return { method: 'PUT', url, headers: { 'content-type': type }, expiresAt };
  }

  async signDownload(key: string, { type, disposition }: Delivery, seconds: number): Promise<string> {
    return this.sign({ method: 'GET', key, type, disposition, expires: Date.now() + seconds * 1_000 });
  }

  /** The grant of a URL, or undefined if it has expired or was changed. */
  verify(method: 'GET' | 'PUT', key: string, query: Record<string, unknown>): LocalGrant | undefined {
    const { expires, type, size, disposition, mac } = query;
    if (typeof mac !== 'string' || typeof type !== 'string') return undefined;
    const grant: LocalGrant = {
      method,
      key,
      expires: Number(expires),
      type,
      size: size === undefined ? undefined : Number(size),
      disposition: typeof disposition === 'string' ? disposition : undefined,
    };
    const isValid = this.macs.verify(MAC_PURPOSE, signedText(grant), mac);
    return isValid && grant.expires > Date.now() ? grant : undefined;
  }

  /** Writes to another name first, so that no incomplete file has the key. False if the size differs. */
  async write(key: string, bytes: Readable, size: number): Promise<boolean> {
    const part = this.newPart();
    try {
      await this.use(() => mkdir(dirname(part), { recursive: true }));
      let received = 0;
      await pipeline(
        bytes,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            received += chunk.length;
            if (received > size) return;
            yield chunk;
          }
        },
        createWriteStream(part),
      );
      if (received !== size) return false;
      await this.moveTo(key, part);
      return true;
    } finally {
      await rm(part, { force: true });
    }
  }

  async copy(from: string, to: string): Promise<boolean> {
    const part = this.newPart();
    try {
      const isFound = await this.use(async () => {
        await mkdir(dirname(part), { recursive: true });
        await copyFile(this.pathOf(from), part);
      });
      if (isFound) await this.moveTo(to, part);
      return isFound;
    } finally {
      await rm(part, { force: true });
    }
  }

  async read(key: string): Promise<Readable | undefined> {
    let file: Readable | undefined;
    await this.use(async () => {
      file = (await open(this.pathOf(key))).createReadStream();
    });
    return file;
  }

  async remove(key: string): Promise<void> {
    await this.use(() => rm(this.pathOf(key), { force: true }));
  }

  async list(prefix: string, after: string, limit: number): Promise<StoredObject[]> {
    let names: string[] = [];
    await this.use(async () => {
      names = await readdir(this.pathOf(prefix));
    });
    const keys = names.map((name) => `${prefix}${name}`).filter((key) => key > after);
    const objects: StoredObject[] = [];
    for (const key of keys.toSorted().slice(0, limit)) {
      await this.use(async () => {
        objects.push({ key, modifiedAt: (await stat(this.pathOf(key))).mtime });
      });
    }
    return objects;
  }

  /** A file that is still being written. The hourly job removes those of a crash. */
  private newPart(): string {
    return this.pathOf(`${UPLOAD_PREFIX}${randomUUID()}.part`);
  }

  private async moveTo(key: string, part: string): Promise<void> {
    await this.use(async () => {
      await mkdir(dirname(this.pathOf(key)), { recursive: true });
      await rename(part, this.pathOf(key));
    });
  }

  /** False if there is no such file. */
  private async use(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      this.logger.error({ msg: 'The folder of the files can’t be used', err: error });
      throw new StorageUnavailableError();
    }
  }

  private sign(grant: LocalGrant): string {
    const url = new URL(`${LOCAL_FILES_PATH}/${grant.key}`, this.config.PUBLIC_URL);
    for (const name of ['expires', 'type', 'size', 'disposition'] as const) {
      if (grant[name] !== undefined) url.searchParams.set(name, String(grant[name]));
    }
    url.searchParams.set('mac', this.macs.sign(MAC_PURPOSE, signedText(grant)));
    return url.href;
  }

  private pathOf(key: string): string {
    return join(this.root, key);
  }
}

const signedText = ({ method, key, expires, type, size, disposition }: LocalGrant): string =>
  JSON.stringify([method, key, expires, type, size ?? null, disposition ?? null]);
