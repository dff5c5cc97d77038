import { defineProblem } from '../platform/errors/app-error.ts';

export class TokenInvalidError extends defineProblem(
  400,
  'TOKEN_INVALID',
  'The token is not valid, or no longer.',
) {}
export class InvalidCredentialsError extends defineProblem(
  401,
  'INVALID_CREDENTIALS',
  'The address or the password is wrong.',
) {}
export class EmailNotVerifiedError extends defineProblem(
  403,
  'EMAIL_NOT_VERIFIED',
  'Confirm your address first.',
) {}
export class AccountSuspendedError extends defineProblem(
  403,
  'ACCOUNT_SUSPENDED',
  'The account is suspended.',
) {}
export class WrongPasswordError extends defineProblem(403, 'WRONG_PASSWORD', 'The password is wrong.') {}
export class EmailTakenError extends defineProblem(409, 'EMAIL_TAKEN', 'The address has an account.') {}
