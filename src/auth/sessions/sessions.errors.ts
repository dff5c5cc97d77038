import { defineProblem } from '../../platform/errors/app-error.ts';

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
