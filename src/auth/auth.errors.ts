import { problemsIn } from '../platform/errors/app-error.ts';
import { problems as de } from './auth.de.ts';

const defineProblem = problemsIn({ de });

export class TokenInvalidError extends defineProblem(
  400,
  'TOKEN_INVALID',
  'Token invalid',
  'The token is invalid or has expired. Request a new one.',
) {}
export class InvalidCredentialsError extends defineProblem(
  401,
  'INVALID_CREDENTIALS',
  'Invalid credentials',
  'Email or password is wrong. Try again, or reset the password.',
) {}
export class RefreshTokenInvalidError extends defineProblem(
  401,
  'REFRESH_TOKEN_INVALID',
  'Refresh token invalid',
  'The refresh token is invalid, or its session has ended. Sign in again.',
) {}
export class RefreshTokenReusedError extends defineProblem(
  401,
  'REFRESH_TOKEN_REUSED',
  'Refresh token reused',
  'The refresh token was used before, so its session was revoked. Sign in again.',
) {}
export class EmailNotVerifiedError extends defineProblem(
  403,
  'EMAIL_NOT_VERIFIED',
  'Email not verified',
  'Open the link in the verification mail first, or request another one.',
) {}
export class AccountSuspendedError extends defineProblem(
  403,
  'ACCOUNT_SUSPENDED',
  'Account suspended',
  'An administrator has suspended this account. Contact an administrator.',
) {}
export class WrongPasswordError extends defineProblem(
  403,
  'WRONG_PASSWORD',
  'Wrong password',
  'The current password is wrong or missing. Try again, or reset the password.',
) {}
export class EmailTakenError extends defineProblem(
  409,
  'EMAIL_TAKEN',
  'Email taken',
  'Another account uses this email. Choose another one.',
) {}
