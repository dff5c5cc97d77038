import { Module } from '@nestjs/common';
import { FileCompletionService } from './file-completion.service.ts';
import { FilesController } from './files.controller.ts';
import { FilesModule } from './files.module.ts';
import { LocalStorageRoutes } from './storage/local-storage.routes.ts';

@Module({
  imports: [FilesModule],
  controllers: [FilesController],
  providers: [FileCompletionService, LocalStorageRoutes],
})
export class FilesHttpModule {}
