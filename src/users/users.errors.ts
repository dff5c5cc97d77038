import { defineProblem } from '../platform/errors/app-error.ts';

export class LastAdminError extends defineProblem(
  409,
  'LAST_ADMIN',
  'The last active administrator can’t be demoted or suspended.',
) {}
export class ImportFileInvalidError extends defineProblem(
  422,
  'IMPORT_FILE_INVALID',
  'The file can’t be imported.',
) {}
