import { Injectable } from '@nestjs/common';
import { Readable } from 'node:stream';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import type { Principal } from '../platform/security/principal.ts';
import { JobFilesService } from './job-files.service.ts';
import type { JobFile } from './job.entity.ts';
import { jobResultDownloaded } from './jobs.audit.ts';
import { JobNotFinishedError } from './jobs.errors.ts';
import { jobPolicy } from './jobs.policy.ts';

/** Returns the result file of a completed job to its owner, or to callers with the permission. */
@Injectable()
export class JobResultsService {
  constructor(
    private readonly files: JobFilesService,
    private readonly audit: AuditService,
    private readonly db: DataSource,
  ) {}

  /** A download of another user's result leaves an audit event. */
  async open(id: string, caller: Principal): Promise<{ file: JobFile; bytes: Readable }> {
    const { status, resultFileId, type, userId } = await jobPolicy.get(
      'download',
      id,
      caller,
      this.db.manager,
    );
    if (status === 'queued' || status === 'active') throw new JobNotFinishedError();
    // A cancelled or failed job may have a partial file, which is no result.
    const file = status === 'completed' && resultFileId ? await this.files.find(resultFileId) : null;
    if (!file) throw new NotFoundError();
    if (userId !== caller.userId) {
      const event = { type: jobResultDownloaded, userId, data: { jobId: id, jobType: type } } as const;
      await this.db.transaction((tx) => this.audit.record(event, tx));
    }
    return { file, bytes: Readable.from(this.files.read(file)) };
  }
}
