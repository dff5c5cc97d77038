import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import pLimit from 'p-limit';
import { DataSource } from 'typeorm';
import { IntervalTask } from '../platform/process/interval-task.ts';
import { uploadKey } from './files.service.ts';
import { Storage, type StoredObject } from './storage/storage.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const BATCH_ROWS = 200;
const BATCHES_MAX = 10;
const PAGE_OBJECTS = 1_000;
/** With more unknown objects than this in a page, the database is probably not that of the bucket. */
const UNKNOWN_SHARE_MAX = 0.5;
const UNKNOWN_ALLOWED = 20;

const CONCURRENCY = 8;

interface DeletedFile {
  id: string;
  object_key: string | null;
}

/**
 * Removes objects of deleted files, files that no resource uses, and objects without a file. Runs in every worker: all
 * steps are safe to repeat and to run in parallel.
 */
@Injectable()
export class FileCleanup implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('FileCleanup');
  private readonly task = new IntervalTask('FileCleanup', () => this.cleanUp(), MINUTE_MS);
  private readonly limit = pLimit(CONCURRENCY);
  /** Where the next look for objects without a file starts, by prefix. Each run looks at one page. */
  private readonly positions = new Map<string, string>();

  constructor(
    private readonly db: DataSource,
    private readonly storage: Storage,
  ) {}

  onApplicationBootstrap(): void {
    this.task.start();
  }

  /** Does not wait for the current batch, so that running jobs are released without delay. */
  onModuleDestroy(): void {
    void this.task.stop();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /** Objects that are younger than a day are kept, because an upload or a check may still need them. */
  async cleanUp(now = Date.now()): Promise<void> {
    await this.deleteUnused(now);
    await this.removeDeleted();
    const old = now - DAY_MS;
    await this.removeOrphans('uploads/', old, async () => new Set());
    await this.removeOrphans('files/', old, (keys) => this.knownKeys(keys));
  }

  /** Uploads that were never completed, and files that no feature has taken within a day. */
  private async deleteUnused(now: number): Promise<void> {
    await this.inBatches(async () => {
      const [, count] = await this.db.query<[unknown, number]>(
        `UPDATE files SET state = 'deleted' WHERE id IN (
           SELECT id FROM files WHERE attached_at IS NULL AND state <> 'deleted' AND created_at < $1
           ORDER BY created_at LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED)`,
        [new Date(now - DAY_MS)],
      );
      return count;
    });
  }

  /** First the object, then its row: after a crash in between, the next run finds the row again. */
  private async removeDeleted(): Promise<void> {
    await this.inBatches(async () => {
      const rows = await this.db.query<DeletedFile[]>(
        `SELECT id, object_key FROM files WHERE state = 'deleted' ORDER BY id LIMIT ${BATCH_ROWS}`,
      );
      await this.removeAll(rows.flatMap(({ id, object_key: key }) => [uploadKey(id), ...(key ? [key] : [])]));
      await this.db.query(`DELETE FROM files WHERE id = ANY($1) AND state = 'deleted'`, [
        rows.map(({ id }) => id),
      ]);
      return rows.length;
    });
  }

  private async removeOrphans(
    prefix: string,
    olderThan: number,
    findKnown: (keys: string[]) => Promise<Set<string>>,
  ): Promise<void> {
    const page = await this.nextPage(prefix);
    const old = page.filter(({ modifiedAt }) => modifiedAt.getTime() < olderThan).map(({ key }) => key);
    const known = await findKnown(old);
    const orphans = old.filter((key) => !known.has(key));
    const isSuspicious = orphans.length > UNKNOWN_ALLOWED && orphans.length > old.length * UNKNOWN_SHARE_MAX;
    if (isSuspicious && prefix === 'files/') {
      this.logger.error({
        msg: 'Most objects in the file storage have no file: nothing was removed. Check that the bucket belongs to this database.',
        objects: old.length,
        unknown: orphans.length,
      });
      return;
    }
    await this.removeAll(orphans);
    if (orphans.length > 0)
      this.logger.log({ msg: 'Objects without a file were removed', n: orphans.length });
  }

  private async nextPage(prefix: string): Promise<StoredObject[]> {
    const page = await this.storage.list(prefix, this.positions.get(prefix) ?? '', PAGE_OBJECTS);
    const isLast = page.length < PAGE_OBJECTS;
    this.positions.set(prefix, isLast ? '' : (page.at(-1)?.key ?? ''));
    return page;
  }

  private async knownKeys(keys: string[]): Promise<Set<string>> {
    const rows = await this.db.query<{ object_key: string }[]>(
      `SELECT object_key FROM files WHERE object_key = ANY($1)`,
      [keys],
    );
    return new Set(rows.map(({ object_key: key }) => key));
  }

  private async removeAll(keys: string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.limit(() => this.storage.remove(key))));
  }

  private async inBatches(run: () => Promise<number>): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX && !this.task.isStopped; batch += 1) {
      if ((await run()) < BATCH_ROWS) return;
    }
  }
}
