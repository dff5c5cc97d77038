import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, type Repository } from 'typeorm';
import { JobFile } from './job-file.entity.ts';
import type { Job } from './job.entity.ts';

const CHUNK_BYTES = 256 * 1024;

type NewFile = Pick<JobFile, 'name' | 'mediaType'>;

/** Files that jobs read and make, kept in Postgres in chunks: any worker can read them, and none is held in memory. */
@Injectable()
export class JobFilesService {
  constructor(
    @InjectRepository(JobFile) private readonly files: Repository<JobFile>,
    private readonly db: DataSource,
  ) {}

  find(id: string): Promise<JobFile | null> {
    return this.files.findOneBy({ id });
  }

  /**
   * Stores a stream. Each chunk is committed by itself, since no transaction may wait for a client; what a broken
   * upload leaves behind is removed here, or after a crash by the clean-up of old files.
   */
  async store({ name, mediaType }: NewFile, bytes: AsyncIterable<Buffer>): Promise<JobFile> {
    const file = await this.create({ name, mediaType }, this.db.manager);
    try {
      for await (const chunk of inChunks(bytes)) await this.append(file.id, chunk, this.db.manager);
    } catch (error) {
      await this.remove(file.id);
      throw error;
    }
    return this.files.findOneByOrFail({ id: file.id });
  }

  async create({ name, mediaType }: NewFile, tx: EntityManager): Promise<JobFile> {
    const file = tx.create(JobFile, { id: randomUUIDv7(), name, mediaType, size: 0 });
    await tx.insert(JobFile, file);
    return file;
  }

  /** Of a file that no job uses. Never fails: what can't be removed now falls to the clean-up of old files. */
  async remove(id: string): Promise<void> {
    await this.files.delete({ id }).catch(() => undefined);
  }

  /** Keeps one stored result per user and job type. Call it in the transaction that completes the given job. */
  async removeEarlierResults({ id, type, userId }: Job, tx: EntityManager): Promise<void> {
    // Two jobs that complete at once would not see each other's result.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('results of ' || $1 || $2, 0))`, [
      userId,
      type,
    ]);
    await tx.query(
      `WITH earlier AS (
         SELECT id, result_file_id FROM jobs
         WHERE user_id = $1 AND type = $2 AND id <> $3 AND status = 'completed' AND result_file_id IS NOT NULL
       ), released AS (
         UPDATE jobs SET result_file_id = NULL FROM earlier WHERE jobs.id = earlier.id
       )
       DELETE FROM job_files WHERE id IN (SELECT result_file_id FROM earlier)`,
      [userId, type, id],
    );
  }

  /** One writer a file: the position is counted, not locked. */
  async append(id: string, data: Buffer, tx: EntityManager): Promise<void> {
    if (data.length === 0) return;
    await tx.query(
      `WITH file AS (UPDATE job_files SET size = size + $3 WHERE id = $1 RETURNING id)
       INSERT INTO job_file_chunks (file_id, position, data)
       SELECT file.id, (SELECT count(*) FROM job_file_chunks WHERE file_id = $1), $2 FROM file`,
      [id, data, data.length],
    );
  }

  /**
   * One chunk in memory at a time, however large the file. Throws where it has gone before its end: whoever was promised
   * so many bytes would wait for the rest.
   */
  async *read({ id, size }: Pick<JobFile, 'id' | 'size'>): AsyncGenerator<Buffer> {
    for (let position = 0, bytesRead = 0; bytesRead < size; position += 1) {
      const [chunk] = await this.db.query<{ data: Buffer }[]>(
        'SELECT data FROM job_file_chunks WHERE file_id = $1 AND position = $2',
        [id, position],
      );
      if (!chunk) throw new Error(`The file ${id} ends after ${bytesRead} bytes of ${size}`);
      bytesRead += chunk.data.length;
      yield chunk.data;
    }
  }
}

async function* inChunks(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const part of bytes) {
    waiting.push(part);
    size += part.length;
    if (size >= CHUNK_BYTES) {
      yield Buffer.concat(waiting);
      waiting = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(waiting);
}
