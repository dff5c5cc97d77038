import { Module } from '@nestjs/common';
import { FileOrphansRemoveHandler } from './file-orphans-remove.handler.ts';
import { FileRemovalService } from './file-removal.service.ts';
import { FileRemoveHandler } from './file-remove.handler.ts';
import { FilesModule } from './files.module.ts';

@Module({
  imports: [FilesModule],
  providers: [FileRemovalService, FileRemoveHandler, FileOrphansRemoveHandler],
})
export class FilesWorkerModule {}
