import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import type { z } from 'zod';
import { type JobContext, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { FileRemovalService } from './file-removal.service.ts';
import { File } from './file.entity.ts';
import { fileRemove } from './files.jobs.ts';

@JobHandler(fileRemove)
export class FileRemoveHandler implements JobRunner<z.output<typeof fileRemove.input>> {
  constructor(
    @InjectRepository(File) private readonly files: Repository<File>,
    private readonly removal: FileRemovalService,
  ) {}

  async run({ fileId }: z.output<typeof fileRemove.input>, ctx: JobContext): Promise<void> {
    const file = await this.files.findOneBy({ id: fileId, state: 'deleted' });
    if (file) await this.removal.removeFiles([file], ctx);
  }
}
