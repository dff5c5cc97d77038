import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, type FindOptionsWhere, IsNull, Not, type Repository } from 'typeorm';
import { JobsService } from '../jobs/jobs.service.ts';
import { Config } from '../platform/config/config.ts';
import type { FieldFailure } from '../platform/errors/app-error.ts';
import { NotFoundError, ValidationFailedError } from '../platform/errors/platform.errors.ts';
import { platformTexts } from '../platform/i18n/platform.texts.ts';
import { translate } from '../platform/logging/request-context.ts';
import { lockUsers } from '../users/lock-users.ts';
import { type FilePurpose, FilePurposes } from './file-purpose.ts';
import { File } from './file.entity.ts';
import { FileInUseError, FileNotUsableError, FileQuotaExceededError } from './files.errors.ts';
import { fileRemove } from './files.jobs.ts';
import type { CreateFile } from './files.schemas.ts';
import { filesTexts } from './files.texts.ts';
import { Storage, uploadKey } from './storage/storage.ts';

const UPLOAD_MS = 15 * 60_000;
/** How long the URL of a download works. */
export const DOWNLOAD_SECONDS = 300;
const MEBIBYTE = 1024 * 1024;

/** The files of users. A feature calls `attach` to use a file, and `release` when it no longer needs the file. */
@Injectable()
export class FilesService {
  constructor(
    @InjectRepository(File) private readonly files: Repository<File>,
    private readonly purposes: FilePurposes,
    private readonly storage: Storage,
    private readonly jobs: JobsService,
    private readonly config: Config,
  ) {}

  /** The origin of uploads and downloads, for the Content-Security-Policy of a page. */
  get storageOrigin(): string {
    return this.storage.origin;
  }

  async create(input: CreateFile, userId: string) {
    this.validate(input);
    const file = this.files.create({
      id: randomUUIDv7(),
      userId,
      ...input,
      state: 'pending',
      createdAt: new Date(),
    });
    const upload = await this.storage.signUpload(
      uploadKey(file.id),
      { type: file.type, size: file.size },
      new Date(Date.now() + UPLOAD_MS),
    );
    await this.files.manager.transaction(async (tx) => {
      // The lock makes parallel requests of one user count each other's files.
      if ((await lockUsers([userId], tx)).length === 0) throw new NotFoundError();
      await this.assertQuota(userId, file.size, tx);
      await tx.insert(File, file);
    });
    return { file: await this.view(file), upload };
  }

  /** The owner's file. */
  async get(id: string, userId: string): Promise<File> {
    const file = await this.files.findOneBy({ id, userId, state: Not('deleted') });
    if (!file) throw new NotFoundError();
    return file;
  }

  /** A file that a feature has attached. The feature decides who may see it. */
  findAttached(id: string, purpose: FilePurpose): Promise<File | null> {
    return this.files.findOneBy({ id, purpose: purpose.name, state: 'ready', attachedAt: Not(IsNull()) });
  }

  async view(file: File) {
    return { ...file, download: file.state === 'ready' ? await this.download(file) : null };
  }

  /** A URL that works for five minutes, for every client that has it. Does not call the storage. */
  async download({ objectKey, name, type, purpose }: File): Promise<{ url: string; expiresAt: Date }> {
    const disposition = `${this.purposes.find(purpose)?.inline ? 'inline' : 'attachment'}; ${fileName(name)}`;
    const expiresAt = new Date(Date.now() + DOWNLOAD_SECONDS * 1_000);
    const url = await this.storage.signDownload(objectKey ?? '', { type, disposition }, DOWNLOAD_SECONDS);
    return { url, expiresAt };
  }

  /**
   * Attaches a file to a resource. Throws FILE_NOT_USABLE unless it is ready, not attached, has the purpose, and
   * belongs to the user. Call it in the transaction that saves the id, after the lock of the user's row.
   */
  async attach(id: string, purpose: FilePurpose, userId: string, tx: EntityManager): Promise<void> {
    const { affected } = await tx.update(
      File,
      { id, userId, purpose: purpose.name, state: 'ready', attachedAt: IsNull() },
      { attachedAt: new Date() },
    );
    if (!affected) throw new FileNotUsableError();
  }

  /** Deletes an attached file. A job removes the object. Call it in the transaction that removes the id. */
  async release(id: string, tx: EntityManager): Promise<void> {
    await this.markDeleted({ id, state: Not('deleted') }, tx);
  }

  /** Deletes a file that no feature has attached. */
  async delete(id: string, userId: string): Promise<void> {
    const unused = { id, userId, state: Not('deleted' as const), attachedAt: IsNull() };
    if (await this.files.manager.transaction((tx) => this.markDeleted(unused, tx))) return;
    await this.get(id, userId);
    throw new FileInUseError();
  }

  /** Deletes a file whose content does not have the declared type and size. */
  async deletePending(id: string): Promise<void> {
    await this.files.manager.transaction((tx) => this.markDeleted({ id, state: 'pending' }, tx));
  }

  private async markDeleted(
    where: FindOptionsWhere<File> & { id: string },
    tx: EntityManager,
  ): Promise<boolean> {
    const { affected } = await tx.update(File, where, { state: 'deleted' });
    if (!affected) return false;
    await this.jobs.enqueue(fileRemove, { fileId: where.id }, {}, tx);
    return true;
  }

  private validate({ purpose: name, type, size }: CreateFile): void {
    const purpose = this.purposes.find(name);
    const details: FieldFailure[] = [];
    if (!purpose) {
      const message = translate(platformTexts).expectedOneOf(this.purposes.keys());
      details.push({ path: 'purpose', code: 'UNKNOWN_PURPOSE', message });
    } else {
      if (!(purpose.types as readonly string[]).includes(type)) {
        const message = translate(platformTexts).expectedOneOf(purpose.types);
        details.push({ path: 'type', code: 'TYPE_NOT_ALLOWED', message });
      }
      if (size > purpose.maxBytes) {
        const message = translate(filesTexts).tooLarge(purpose.maxBytes);
        details.push({ path: 'size', code: 'FILE_TOO_LARGE', message });
      }
    }
    if (details.length > 0) throw new ValidationFailedError({ details });
  }

  /** Counts deleted files until their objects are gone, so that a user can’t fill the storage by deleting and uploading. */
  private async assertQuota(userId: string, size: number, tx: EntityManager): Promise<void> {
    const [row] = await tx.query<{ used: string }[]>(
      `SELECT coalesce(sum(size), 0) AS used FROM files WHERE user_id = $1`,
      [userId],
    );
    if (Number(row?.used) + size > this.config.FILES_QUOTA_MIB * MEBIBYTE) throw new FileQuotaExceededError();
  }
}

/** RFC 6266. A name that is not plain ASCII is also sent exactly (RFC 8187). */
function fileName(name: string): string {
  const ascii = name.replace(/[^\w .-]/g, '_');
  if (ascii === name) return `filename="${ascii}"`;
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
