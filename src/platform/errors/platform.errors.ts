import { defineProblem } from './app-error.ts';

export class MalformedRequestError extends defineProblem(
  400,
  'MALFORMED_REQUEST',
  'The request could not be read.',
) {}
export class MalformedJsonError extends defineProblem(400, 'MALFORMED_JSON', 'The body is not valid JSON.') {}
export class InvalidCursorError extends defineProblem(
  400,
  'INVALID_CURSOR',
  'The cursor does not belong to this list.',
) {}
export class UnauthenticatedError extends defineProblem(
  401,
  'UNAUTHENTICATED',
  'A valid access token is needed.',
) {}
export class ForbiddenError extends defineProblem(403, 'FORBIDDEN', 'You may not do this.') {}
export class RecentSignInRequiredError extends defineProblem(
  403,
  'RECENT_SIGN_IN_REQUIRED',
  'Sign in again first: this needs a session that has just begun.',
) {}
export class NotFoundError extends defineProblem(
  404,
  'NOT_FOUND',
  'There is nothing here that you may see.',
) {}
export class MethodNotAllowedError extends defineProblem(
  405,
  'METHOD_NOT_ALLOWED',
  'The resource does not support this method.',
) {}
export class ConflictError extends defineProblem(
  409,
  'CONFLICT',
  'The change contradicts the present state.',
) {}
export class LimitReachedError extends defineProblem(
  409,
  'LIMIT_REACHED',
  'You have as many of these as one user may have.',
) {}
export class PreconditionFailedError extends defineProblem(
  412,
  'PRECONDITION_FAILED',
  'The resource was changed in the meantime.',
) {}
export class PayloadTooLargeError extends defineProblem(
  413,
  'PAYLOAD_TOO_LARGE',
  'The body is larger than is taken here.',
) {}
export class UriTooLongError extends defineProblem(
  414,
  'URI_TOO_LONG',
  'The address is longer than is taken here.',
) {}
export class UnsupportedMediaTypeError extends defineProblem(
  415,
  'UNSUPPORTED_MEDIA_TYPE',
  'The body is of a type that is not taken here.',
) {}
export class ValidationFailedError extends defineProblem(
  422,
  'VALIDATION_FAILED',
  'Some of what was sent is not valid.',
) {}
export class RateLimitedError extends defineProblem(
  429,
  'RATE_LIMITED',
  'Too many requests; try again later.',
) {}
export class InternalError extends defineProblem(500, 'INTERNAL', 'Something went wrong on our side.') {}
export class UnavailableError extends defineProblem(
  503,
  'UNAVAILABLE',
  'A part of the service is not available; try again soon.',
) {}
