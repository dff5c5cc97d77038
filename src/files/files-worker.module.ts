import { Module } from '@nestjs/common';
import { FileCleanup } from './file-cleanup.service.ts';
import { FilesModule } from './files.module.ts';

@Module({ imports: [FilesModule], providers: [FileCleanup] })
export class FilesWorkerModule {}
