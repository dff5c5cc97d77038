import { Injectable } from '@nestjs/common';
import pLimit from 'p-limit';
import { In } from 'typeorm';
import type { JobContext } from '../jobs/job-handler.ts';
import { File } from './file.entity.ts';
import { Storage, uploadKey } from './storage/storage.ts';

const CONCURRENCY = 8;

/** Removes files and objects for the jobs. Each method is safe to repeat, and to run in parallel. */
@Injectable()
export class FileRemovalService {
  private readonly limit = pLimit(CONCURRENCY);

  constructor(private readonly storage: Storage) {}

  /** First the objects, then the rows: if the process is killed in between, the next run finds the rows again. */
  async removeFiles(files: Pick<File, 'id' | 'objectKey'>[], ctx: JobContext): Promise<void> {
    const keys = files.flatMap(({ id, objectKey }) => [uploadKey(id), ...(objectKey ? [objectKey] : [])]);
    await this.removeObjects(keys, ctx.signal);
    await ctx.transaction((tx) =>
      tx.delete(File, { id: In(files.map(({ id }) => id)), state: 'deleted' as const }),
    );
  }

  async removeObjects(keys: string[], signal: AbortSignal): Promise<void> {
    const removeOne = async (key: string) => {
      signal.throwIfAborted();
      await this.storage.remove(key);
    };
    await Promise.all(keys.map((key) => this.limit(removeOne, key)));
  }
}
