import { Injectable } from '@nestjs/common';
import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { JobFilesService } from '../../jobs/job-files.service.ts';
import type { Job } from '../../jobs/job.entity.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { PayloadTooLargeError } from '../../platform/errors/platform.errors.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { ImportFileInvalidError } from '../users.errors.ts';
import { userImport } from '../users.jobs.ts';
import { usersTexts } from '../users.texts.ts';
import { readHeader } from './import-csv.ts';

export const IMPORT_MAX_BYTES = 50 * 1024 * 1024;
/** A valid header is short. A first line longer than this is rejected. */
const HEADER_MAX_BYTES = 4 * 1024;

export interface StoredImport {
  fileId: string;
  /** SHA-256 of the content, in hex. */
  sha256: string;
}

@Injectable()
export class UserImportsService {
  constructor(
    private readonly db: DataSource,
    private readonly files: JobFilesService,
    private readonly jobs: JobsService,
  ) {}

  /** Stores the file while it arrives. Rejects an invalid file as early as possible. */
  async storeFile(body: Readable, announcedBytes: number | undefined): Promise<StoredImport> {
    if (announcedBytes !== undefined && announcedBytes > IMPORT_MAX_BYTES) throw new PayloadTooLargeError();
    const hash = createHash('sha256');
    const bytes = hashed(checked(body), hash);
    const file = await this.files.store({ name: 'import.csv', mediaType: 'text/csv' }, bytes);
    return { fileId: file.id, sha256: hash.digest('hex') };
  }

  /** Starts the job that imports a stored file. */
  start({ fileId }: StoredImport, userId: string, manager = this.db.manager): Promise<Job> {
    return manager.transaction((tx) =>
      this.jobs.enqueueForUser(userImport, {}, { userId, inputFileId: fileId }, tx),
    );
  }

  /** Removes a stored file whose import did not start. */
  removeFile({ fileId }: StoredImport): Promise<void> {
    return this.files.remove(fileId);
  }
}

async function* hashed(bytes: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Passes the bytes on. Throws if they are too long, not UTF-8 or don't start with the header. */
async function* checked(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let size = 0;
  let head: string | undefined = '';
  for await (const chunk of body) {
    size += chunk.length;
    if (size > IMPORT_MAX_BYTES) throw new PayloadTooLargeError();
    const text = decode(decoder, chunk);
    if (head !== undefined) head = checkHead(head + text);
    yield chunk;
  }
  decode(decoder);
  if (size === 0)
    throw new ImportFileInvalidError({ detail: localize(usersTexts, (texts) => texts.emptyFile) });
  if (head !== undefined) readHeader(head);
}

/** The bytes read so far, or undefined after a valid header. */
function checkHead(head: string): string | undefined {
  if (!/[\r\n]/.test(head.replace(/^\uFEFF/, '')) && head.length < HEADER_MAX_BYTES) return head;
  readHeader(head);
  return undefined;
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk?: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw new ImportFileInvalidError({ detail: localize(usersTexts, (texts) => texts.notUtf8) });
  }
}
