import { problem } from '../platform/errors/app-error.ts';

export class TokenInvalidError extends problem(
  400,
  'TOKEN_INVALID',
  'The token is not valid, or no longer.',
) {}
export class InvalidCredentialsError extends problem(
  401,
  'INVALID_CREDENTIALS',
  'The address or the password is wrong.',
) {}
export class EmailNotVerifiedError extends problem(
  403,
  'EMAIL_NOT_VERIFIED',
  'Confirm your address first.',
) {}
export class AccountSuspendedError extends problem(403, 'ACCOUNT_SUSPENDED', 'The account is suspended.') {}
