import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import { item } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { FileCompletionService } from './file-completion.service.ts';
import {
  FileContentInvalidError,
  FileInUseError,
  FileNotUploadedError,
  FileQuotaExceededError,
  StorageUnavailableError,
} from './files.errors.ts';
import {
  type CreateFile,
  createFileSchema,
  fileIdSchema,
  fileSchema,
  newFileSchema,
} from './files.schemas.ts';
import { FilesService } from './files.service.ts';

@Tag('Files', 'Uploads: create a file, send its bytes to the storage, complete it.')
@Controller({ path: 'files', version: '1' })
export class FilesController {
  constructor(
    private readonly files: FilesService,
    private readonly completion: FileCompletionService,
  ) {}

  @Post()
  @Endpoint({
    summary: 'Create a file',
    description:
      'Declares a file, and returns the request that uploads its bytes. Upload within 15 minutes, then complete the file. ' +
      'A file that no resource uses is deleted after a day.',
    status: 201,
    returns: item(newFileSchema),
    errors: [FileQuotaExceededError],
  })
  async createFile(
    @Body({ schema: createFileSchema }) body: CreateFile,
    @CurrentUser() { userId }: Principal,
  ) {
    return { data: await this.files.create(body, userId) };
  }

  @Get(':id')
  @Endpoint({
    summary: 'Get a file',
    description: 'Your own file. `download.url` works for five minutes, without a token.',
    returns: item(fileSchema),
    errors: [NotFoundError],
  })
  async getFile(@Param('id', { schema: fileIdSchema }) id: string, @CurrentUser() { userId }: Principal) {
    return { data: await this.files.view(await this.files.get(id, userId)) };
  }

  @Post(':id/complete')
  @Endpoint({
    summary: 'Complete an upload',
    description:
      'Checks the size and the content of the upload, and makes the file `ready`. Repeating the request is safe.',
    returns: item(fileSchema),
    examples: ['Ready file'],
    errors: [FileContentInvalidError, FileNotUploadedError, NotFoundError, StorageUnavailableError],
  })
  async completeFile(
    @Param('id', { schema: fileIdSchema }) id: string,
    @CurrentUser() { userId }: Principal,
  ) {
    return { data: await this.files.view(await this.completion.complete(id, userId)) };
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Delete a file',
    description: 'Only a file that no resource uses.',
    errors: [FileInUseError, NotFoundError],
  })
  async deleteFile(@Param('id', { schema: fileIdSchema }) id: string, @CurrentUser() { userId }: Principal) {
    await this.files.delete(id, userId);
  }
}
