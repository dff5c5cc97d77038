import { problemsIn } from '../platform/errors/app-error.ts';
import { problems as de } from './users.de.ts';

const defineProblem = problemsIn({ de });

export class LastAdminError extends defineProblem(
  409,
  'LAST_ADMIN',
  'Last administrator',
  'This is the last active administrator. Give another user the role admin first.',
) {}
export class RoleExceedsYoursError extends defineProblem(
  403,
  'ROLE_EXCEEDS_YOURS',
  'Role exceeds yours',
  'This role has permissions that you do not have. Ask a user who has them.',
) {}
export class ImportFileInvalidError extends defineProblem(
  422,
  'IMPORT_FILE_INVALID',
  'Import file invalid',
  'The file must be UTF-8 CSV with the columns email, displayName and optionally role.',
) {}
