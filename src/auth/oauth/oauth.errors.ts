import { AppError, problemsIn } from '../../platform/errors/app-error.ts';
import { RecentSignInRequiredError } from '../../platform/errors/platform.errors.ts';
import { problems as de } from './oauth.de.ts';

const defineProblem = problemsIn({ de });

export class ReturnToNotAllowedError extends defineProblem(
  422,
  'RETURN_TO_NOT_ALLOWED',
  'Return URL not allowed',
  'returnTo must be a URL on one of the allowed origins (OAUTH_RETURN_TO_ALLOWLIST).',
) {}
export class OAuthStateInvalidError extends defineProblem(
  400,
  'OAUTH_STATE_INVALID',
  'Sign-in state invalid',
  'This sign-in was started in another browser, is already finished or has expired. Start again.',
) {}
export class LastSignInMethodError extends defineProblem(
  409,
  'LAST_SIGN_IN_METHOD',
  'Last sign-in method',
  'The account would have no way to sign in. Set a password or link another provider first.',
) {}

export class AccessDeniedError extends defineProblem(
  403,
  'ACCESS_DENIED',
  'Access denied',
  'The sign-in was cancelled, or the account is suspended.',
) {}
export class EmailUnverifiedError extends defineProblem(
  403,
  'EMAIL_UNVERIFIED',
  'Email not verified by the provider',
  'Verify your email at the provider, then sign in again.',
) {}
export class AccountExistsError extends defineProblem(
  409,
  'ACCOUNT_EXISTS',
  'Account exists',
  'An account with this email exists. Sign in to it, then link the provider.',
) {}
export class IdentityConflictError extends defineProblem(
  409,
  'IDENTITY_CONFLICT',
  'Identity conflict',
  'This provider identity belongs to another account, or your account has another one. Unlink it first.',
) {}
export class ProviderFailedError extends defineProblem(
  502,
  'PROVIDER_ERROR',
  'Provider error',
  'The response of the provider could not be used. Try again.',
) {}
export class ProviderUnavailableError extends defineProblem(
  503,
  'PROVIDER_UNAVAILABLE',
  'Provider unavailable',
  'The provider does not respond. Try again in a few seconds.',
) {}

/** Errors that a browser gets as `error=` instead of a problem document when it returns from a provider. */
export const REDIRECT_ERRORS = [
  AccessDeniedError,
  EmailUnverifiedError,
  AccountExistsError,
  IdentityConflictError,
  ProviderFailedError,
  ProviderUnavailableError,
  RecentSignInRequiredError,
];

/** The value of `error=`. Undefined for an error that is not sent to the browser this way. */
export function browserErrorOf(error: unknown): string | undefined {
  const isShown = REDIRECT_ERRORS.some((type) => error instanceof type);
  return isShown ? (error as AppError).problem.code.toLowerCase() : undefined;
}
