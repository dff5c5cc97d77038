import { InjectRepository } from '@nestjs/typeorm';
import { In, type Repository } from 'typeorm';
import type { z } from 'zod';
import { type JobContext, JobHandler, type JobRunner, UnrecoverableJobError } from '../jobs/job-handler.ts';
import { FileRemovalService } from './file-removal.service.ts';
import { File } from './file.entity.ts';
import { fileOrphansRemove } from './files.jobs.ts';
import { CHECKED_PREFIX, Storage, UPLOAD_PREFIX } from './storage/storage.ts';

/** An upload or a check may still need rows and objects that are younger than a day. */
const AGE_MS = 24 * 60 * 60_000;
const BATCH_ROWS = 200;
const PAGE_OBJECTS = 1_000;
/** If a page has more unknown objects than this, the database probably does not belong to the bucket. */
const UNKNOWN_SHARE_MAX = 0.5;
const UNKNOWN_ALLOWED = 20;

@JobHandler(fileOrphansRemove)
export class FileOrphansRemoveHandler implements JobRunner<z.output<typeof fileOrphansRemove.input>> {
  constructor(
    @InjectRepository(File) private readonly files: Repository<File>,
    private readonly storage: Storage,
    private readonly removal: FileRemovalService,
  ) {}

  async run(_input: z.output<typeof fileOrphansRemove.input>, ctx: JobContext): Promise<object> {
    const before = new Date(Date.now() - AGE_MS);
    await this.deleteUnused(before, ctx);
    const files = await this.removeDeleted(ctx);
    const uploads = await this.removeOldUploads(before, ctx);
    const copies = await this.removeUnknownCopies(before, ctx);
    return { files, objects: uploads + copies };
  }

  /** Uploads that were never completed, and files that no feature has attached. */
  private async deleteUnused(before: Date, ctx: JobContext): Promise<void> {
    let changed: number;
    do {
      ctx.signal.throwIfAborted();
      [, changed] = await ctx.transaction((tx) =>
        tx.query<[unknown, number]>(
          `UPDATE files SET state = 'deleted' WHERE id IN (
             SELECT id FROM files WHERE attached_at IS NULL AND state <> 'deleted' AND created_at < $1
             ORDER BY created_at LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED)`,
          [before],
        ),
      );
    } while (changed === BATCH_ROWS);
  }

  private async removeDeleted(ctx: JobContext): Promise<number> {
    for (let total = 0; ;) {
      const batch = await this.files.find({
        where: { state: 'deleted' },
        order: { id: 'ASC' },
        take: BATCH_ROWS,
      });
      if (batch.length === 0) return total;
      await this.removal.removeFiles(batch, ctx);
      total += batch.length;
    }
  }

  /** Uploads that arrived after their file was removed, or were interrupted. */
  private async removeOldUploads(before: Date, ctx: JobContext): Promise<number> {
    let total = 0;
    for await (const { keys } of this.oldObjects(UPLOAD_PREFIX, '', before)) {
      await this.removal.removeObjects(keys, ctx.signal);
      total += keys.length;
    }
    return total;
  }

  /** Copies of checks that crashed. Continues after the last page if the job was interrupted. */
  private async removeUnknownCopies(before: Date, ctx: JobContext): Promise<number> {
    let total = 0;
    const { position = '' } = (ctx.job.checkpoint ?? {}) as { position?: string };
    for await (const { keys, last } of this.oldObjects(CHECKED_PREFIX, position, before)) {
      const unknown = await this.unknownKeys(keys);
      await this.removal.removeObjects(unknown, ctx.signal);
      total += unknown.length;
      await ctx.transaction((tx) => ctx.checkpoint({ position: last }, tx));
    }
    return total;
  }

  /** Reads page by page. A storage may return short pages, so only an empty page is the end. */
  private async *oldObjects(prefix: string, position: string, before: Date) {
    for (let last = position; ;) {
      const page = await this.storage.list(prefix, last, PAGE_OBJECTS);
      if (page.length === 0) return;
      last = page.at(-1)!.key;
      yield { keys: page.filter(({ modifiedAt }) => modifiedAt < before).map(({ key }) => key), last };
    }
  }

  private async unknownKeys(keys: string[]): Promise<string[]> {
    const rows = await this.files.find({ select: { objectKey: true }, where: { objectKey: In(keys) } });
    const known = new Set(rows.map(({ objectKey }) => objectKey));
    const unknown = keys.filter((key) => !known.has(key));
    if (unknown.length > Math.max(UNKNOWN_ALLOWED, keys.length * UNKNOWN_SHARE_MAX))
      throw new UnrecoverableJobError(
        'FILE_STORAGE_UNKNOWN',
        'Most objects in the file storage have no file, so none was removed. Check that the bucket belongs to this database.',
      );
    return unknown;
  }
}
