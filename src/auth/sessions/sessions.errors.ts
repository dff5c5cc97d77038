import { defineProblem } from '../../platform/errors/app-error.ts';

export class RefreshTokenInvalidError extends defineProblem(
  401,
  'REFRESH_TOKEN_INVALID',
  'The refresh token is not valid; sign in again.',
) {}
export class RefreshTokenReusedError extends defineProblem(
  401,
  'REFRESH_TOKEN_REUSED',
  'The refresh token was used before; the session was ended.',
) {}
