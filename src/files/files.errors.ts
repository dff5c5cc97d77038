import { problemsIn } from '../platform/errors/app-error.ts';
import { problems as de } from './files.de.ts';

const defineProblem = problemsIn({ de });

export class FileNotUploadedError extends defineProblem(
  409,
  'FILE_NOT_UPLOADED',
  'File not uploaded',
  'The file storage does not have the file yet. Upload it to the URL from its creation, then complete it again.',
) {}
export class FileContentInvalidError extends defineProblem(
  422,
  'FILE_CONTENT_INVALID',
  'File content invalid',
  'The uploaded bytes do not match the declared type or size, so the file was deleted. Create a new file.',
) {}
export class FileNotUsableError extends defineProblem(
  409,
  'FILE_NOT_USABLE',
  'File not usable',
  'You have no file with this id that is ready, has the right purpose and is not in use. Upload a new file and complete it.',
) {}
export class FileInUseError extends defineProblem(
  409,
  'FILE_IN_USE',
  'File in use',
  'The file belongs to another resource. Remove it there.',
) {}
export class FileQuotaExceededError extends defineProblem(
  409,
  'FILE_QUOTA_EXCEEDED',
  'File quota exceeded',
  'Your files would take more space than you may use. Delete a file, wait a minute and try again.',
) {}
export class FileUrlInvalidError extends defineProblem(
  403,
  'FILE_URL_INVALID',
  'File URL invalid',
  'The URL has expired or was changed, or the upload differs from the declared size and type. Request a new URL.',
) {}
export class StorageUnavailableError extends defineProblem(
  503,
  'FILE_STORAGE_UNAVAILABLE',
  'File storage unavailable',
  'The file storage is not available at the moment. Wait for the number of seconds in the Retry-After header and try again.',
) {}
