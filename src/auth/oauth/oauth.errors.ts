import { AppError, defineProblem } from '../../platform/errors/app-error.ts';

export class ReturnToNotAllowedError extends defineProblem(
  422,
  'RETURN_TO_NOT_ALLOWED',
  'A sign-in may not return to this address.',
) {}
export class OAuthStateInvalidError extends defineProblem(
  400,
  'OAUTH_STATE_INVALID',
  'This sign-in was not begun here, is over, or took too long; begin again.',
) {}
export class LastSignInMethodError extends defineProblem(
  409,
  'LAST_SIGN_IN_METHOD',
  'This is the only way in that the account has; set a password or link another provider first.',
) {}

export class AccessDeniedError extends defineProblem(
  403,
  'ACCESS_DENIED',
  'The sign-in was called off, or the account may not sign in.',
) {}
export class EmailUnverifiedError extends defineProblem(
  403,
  'EMAIL_UNVERIFIED',
  'The provider does not vouch for an address.',
) {}
export class AccountExistsError extends defineProblem(
  409,
  'ACCOUNT_EXISTS',
  'The address has an account: sign in to it, then link the provider.',
) {}
export class IdentityConflictError extends defineProblem(
  409,
  'IDENTITY_CONFLICT',
  'The identity belongs to another account, or this account has another one of the provider.',
) {}
export class ProviderFailedError extends defineProblem(
  502,
  'PROVIDER_ERROR',
  'The provider’s answer could not be used.',
) {}
export class ProviderUnavailableError extends defineProblem(
  503,
  'PROVIDER_UNAVAILABLE',
  'The provider does not answer now; try again soon.',
) {}

/** What a browser that comes back from a provider is told by `error=` rather than by a problem document. */
export const REDIRECT_ERRORS = [
  AccessDeniedError,
  EmailUnverifiedError,
  AccountExistsError,
  IdentityConflictError,
  ProviderFailedError,
  ProviderUnavailableError,
];

/** The value of `error=`, for those of our errors that have one. */
export function browserErrorOf(error: unknown): string | undefined {
  const isShown = REDIRECT_ERRORS.some((type) => error instanceof type);
  return isShown ? (error as AppError).problem.code.toLowerCase() : undefined;
}
