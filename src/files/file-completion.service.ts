import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { createHash, randomUUID } from 'node:crypto';
import type { Repository } from 'typeorm';
import { hasType, SNIFFED_BYTES } from './file-types.ts';
import { File } from './file.entity.ts';
import { FileContentInvalidError, FileNotUploadedError, StorageUnavailableError } from './files.errors.ts';
import { FilesService } from './files.service.ts';
import { CHECKED_PREFIX, Storage, uploadKey } from './storage/storage.ts';

/** Checks an upload and makes it ready. Each step may be repeated, also after a crash between any two of them. */
@Injectable()
export class FileCompletionService {
  private readonly logger = new Logger('Files');

  constructor(
    @InjectRepository(File) private readonly files: Repository<File>,
    private readonly service: FilesService,
    private readonly storage: Storage,
  ) {}

  /**
   * Copies the upload to a key that no client can write to, and checks the copy. The client can still replace the
   * upload, but not the copy. Parallel calls make their own copies, and the first to update the row wins.
   */
  async complete(id: string, userId: string): Promise<File> {
    const file = await this.service.get(id, userId);
    if (file.state === 'ready') return file;
    const objectKey = `${CHECKED_PREFIX}${id}.${randomUUID()}`;
    // Without an upload: another call may have completed the file and removed the upload.
    if (!(await this.storage.copy(uploadKey(id), objectKey))) return this.readyOrThrow(id, userId);
    const sha256 = await this.check(objectKey, file);
    if (!sha256) {
      await this.service.deletePending(id);
      await this.tryToRemove(objectKey);
      throw new FileContentInvalidError();
    }
    const { affected } = await this.files.update(
      { id, userId, state: 'pending' },
      { state: 'ready', objectKey, sha256 },
    );
    await this.tryToRemove(affected ? uploadKey(id) : objectKey);
    return this.service.get(id, userId);
  }

  private async readyOrThrow(id: string, userId: string): Promise<File> {
    const file = await this.service.get(id, userId);
    if (file.state !== 'ready') throw new FileNotUploadedError();
    return file;
  }

  /** The checksum, or undefined if the content does not have the declared type and size. */
  private async check(objectKey: string, { type, size }: File): Promise<Buffer | undefined> {
    const bytes = await this.storage.read(objectKey);
    if (!bytes) throw new StorageUnavailableError();
    const hash = createHash('sha256');
    let start: Buffer = Buffer.alloc(0);
    let received = 0;
    try {
      for await (const chunk of bytes as AsyncIterable<Uint8Array>) {
        received += chunk.length;
        if (received > size) return undefined;
        hash.update(chunk);
        if (start.length < SNIFFED_BYTES) start = Buffer.concat([start, chunk]).subarray(0, SNIFFED_BYTES);
      }
    } catch (error) {
      this.logger.warn({ msg: 'The file storage stopped sending a file', err: error });
      throw new StorageUnavailableError();
    }
    return received === size && (await hasType(type, start)) ? hash.digest() : undefined;
  }

  /** If this fails, the hourly job removes the object. */
  private async tryToRemove(key: string): Promise<void> {
    await this.storage.remove(key).catch(() => undefined);
  }
}
