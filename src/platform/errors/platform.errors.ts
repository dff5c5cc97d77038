import { problems as de } from '../i18n/platform.de.ts';
import { problemsIn } from './app-error.ts';

const defineProblem = problemsIn({ de });

export class MalformedRequestError extends defineProblem(
  400,
  'MALFORMED_REQUEST',
  'Malformed request',
  'The request could not be read. Check its URL, headers and encoding.',
) {}
export class MalformedJsonError extends defineProblem(
  400,
  'MALFORMED_JSON',
  'Malformed JSON',
  'The body is not valid JSON in UTF-8. Correct the body and send it again.',
) {}
export class InvalidCursorError extends defineProblem(
  400,
  'INVALID_CURSOR',
  'Invalid cursor',
  'The cursor does not belong to this list, sort and filter. Start again without a cursor.',
) {}
export class InvalidIdempotencyKeyError extends defineProblem(
  400,
  'INVALID_IDEMPOTENCY_KEY',
  'Invalid idempotency key',
  'The Idempotency-Key header must have 1 to 255 printable ASCII characters. A UUID is a good choice.',
) {}
export class UnauthenticatedError extends defineProblem(
  401,
  'UNAUTHENTICATED',
  'Authentication required',
  'The access token is missing, invalid or expired. Sign in or refresh the token, and send it as a Bearer token.',
) {}
export class ForbiddenError extends defineProblem(
  403,
  'FORBIDDEN',
  'Not allowed',
  'Your account does not have the role that this request needs.',
) {}
export class RecentSignInRequiredError extends defineProblem(
  403,
  'RECENT_SIGN_IN_REQUIRED',
  'Recent sign-in required',
  'This request needs a sign-in within the last ten minutes. Sign in and send it again.',
) {}
export class NotFoundError extends defineProblem(
  404,
  'NOT_FOUND',
  'Resource not found',
  'The resource does not exist, or you may not see it. Check the path and the id.',
) {}
export class MethodNotAllowedError extends defineProblem(
  405,
  'METHOD_NOT_ALLOWED',
  'Method not allowed',
  'The resource does not support this method. The Allow header lists the supported methods.',
) {}
export class ConflictError extends defineProblem(
  409,
  'CONFLICT',
  'Conflict',
  'The change conflicts with the current state of the resource. Read the resource and try again.',
) {}
export class IdempotencyInProgressError extends defineProblem(
  409,
  'IDEMPOTENCY_IN_PROGRESS',
  'Request in progress',
  'A request with this Idempotency-Key is still running. Send it again after the number of seconds in Retry-After.',
) {}
export class LimitReachedError extends defineProblem(
  409,
  'LIMIT_REACHED',
  'Limit reached',
  'You have reached the maximum number of these resources. Delete one, or wait until one has finished.',
) {}
export class PreconditionFailedError extends defineProblem(
  412,
  'PRECONDITION_FAILED',
  'Precondition failed',
  'The resource has changed since the version in If-Match. Read the resource and try again.',
) {}
export class PayloadTooLargeError extends defineProblem(
  413,
  'PAYLOAD_TOO_LARGE',
  'Payload too large',
  'The body is larger than this route accepts. Send a smaller body.',
) {}
export class UriTooLongError extends defineProblem(
  414,
  'URI_TOO_LONG',
  'URI too long',
  'The URL is longer than the server accepts. Send a shorter URL.',
) {}
export class UnsupportedMediaTypeError extends defineProblem(
  415,
  'UNSUPPORTED_MEDIA_TYPE',
  'Unsupported media type',
  'This route does not accept the Content-Type or Content-Encoding of the body. Most routes accept only uncompressed application/json.',
) {}
export class ValidationFailedError extends defineProblem(
  422,
  'VALIDATION_FAILED',
  'Validation failed',
  'Some fields or parameters are invalid. Correct the ones listed in `details`.',
) {}
export class IdempotencyKeyReusedError extends defineProblem(
  422,
  'IDEMPOTENCY_KEY_REUSED',
  'Idempotency key reused',
  'This Idempotency-Key was sent with another body. Use a new key for a new request.',
) {}
export class TooManyMatchesError extends defineProblem(
  422,
  'TOO_MANY_MATCHES',
  'Too many matches',
  'Too many entries match the search. Add letters, words or a filter.',
) {}
export class RateLimitedError extends defineProblem(
  429,
  'RATE_LIMITED',
  'Too many requests',
  'You sent too many requests. Wait for the number of seconds in the Retry-After header.',
) {}
export class InternalError extends defineProblem(
  500,
  'INTERNAL',
  'Internal error',
  'The server failed to handle the request. If it happens again, report the correlationId.',
) {}
export class UnavailableError extends defineProblem(
  503,
  'UNAVAILABLE',
  'Service unavailable',
  'A part of the service is not available at the moment. Wait for the number of seconds in the Retry-After header and try again.',
) {}
