import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, type Repository } from 'typeorm';
import { type Job, JobFile } from './job.entity.ts';

const CHUNK_BYTES = 256 * 1024;

type NewFile = Pick<JobFile, 'name' | 'mediaType'>;

/**
 * Files that jobs read and create, stored in Postgres in chunks: any worker can read them, and no file is held in
 * memory.
 */
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
   * Stores a stream. Each chunk has its own transaction, because no transaction may wait for a client. Removes the file
   * after a broken upload. After a crash the purge does, because the file has no job.
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
    const file = { id: randomUUIDv7(), name, mediaType, size: 0 };
    await tx.insert(JobFile, file);
    return tx.create(JobFile, file);
  }

  /** For a file without a job. Never fails: the purge removes a file that remains. */
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

  /** A file has one writer, so the position is counted without a lock. */
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
   * Keeps one chunk in memory. Throws if the file is deleted in between, because the client would otherwise wait for
   * the rest of the bytes.
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
