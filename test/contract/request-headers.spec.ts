import { describe, expect, it } from '@jest/globals';
import {
  hasOwnErrors,
  codesOf,
  hasBody,
  type Operation,
  operations,
  parameter,
  successOf,
  where,
} from '../support/openapi.ts';

/** POSTs without an Idempotency-Key, with the reason. See docs/decisions/0040-idempotency-keys.md. */
const NOT_IDEMPOTENT = {
  'the response is the same for every request, and at most one email is sent per minute': [
    'register',
    'resendVerificationEmail',
    'forgotPassword',
    'requestEmailChange',
  ],
  'the token can be used once': [
    'verifyEmail',
    'resetPassword',
    'confirmEmailChange',
    'exchangeCode',
    'handleProviderFormCallback',
    'refreshTokens',
  ],
  'the response contains new tokens or a new URL, and nothing is created that a repetition doubles': [
    'login',
    'startProviderLink',
    'openDashboardSession',
  ],
  'repeating it is safe': [
    'logout',
    'logoutAll',
    'changePassword',
    'rotateWebhookSecret',
    'cancelJob',
    'retryFailedJobs',
    'markNotificationRead',
    'markAllNotificationsRead',
    'completeFile',
    'pauseQueue',
    'resumeQueue',
    'pauseSchedule',
    'resumeSchedule',
  ],
  'a file that is never uploaded is removed': ['createFile'],
  'the sender gives each webhook an id': ['receiveWebhook'],
};

/** The GET of a resource. An avatar has none and is part of its user, so this is the GET of the user. */
const readOf = (path: string): Operation | undefined =>
  operations.find((operation) => operation.method === 'get' && operation.path === path) ??
  (path ? readOf(path.slice(0, path.lastIndexOf('/'))) : undefined);

describe('an operation', () => {
  it('that is a POST accepts an Idempotency-Key or is listed with a reason', () => {
    const posts = operations.filter(({ method }) => method === 'post');

    const others = posts.filter((operation) => parameter(operation, 'Idempotency-Key') === undefined);
    expect(others.map(({ operationId }) => operationId).toSorted()).toEqual(
      Object.values(NOT_IDEMPOTENT).flat().toSorted(),
    );
  });

  it.each(where((operation) => parameter(operation, 'Idempotency-Key') !== undefined))(
    'with an Idempotency-Key declares its errors and the header of a replay: %s',
    (_id, operation) => {
      expect(codesOf(operation, 400)).toContain('INVALID_IDEMPOTENCY_KEY');
      expect(codesOf(operation, 409)).toContain('IDEMPOTENCY_IN_PROGRESS');
      expect(codesOf(operation, 422)).toContain('IDEMPOTENCY_KEY_REUSED');
      expect(successOf(operation)).toHaveProperty(['headers', 'Idempotency-Replayed']);
    },
  );

  it('that changes or deletes something editable accepts If-Match', () => {
    const editable = new Set(
      operations.filter(({ method }) => ['patch', 'put'].includes(method)).map(({ path }) => path),
    );
    const changes = operations.filter(
      (operation) =>
        ['patch', 'put', 'delete'].includes(operation.method) &&
        editable.has(operation.path) &&
        // Operations with their own form of errors keep the contract of an older API.
        !hasOwnErrors(operation),
    );

    expect(changes.length).toBeGreaterThan(0);
    expect(changes.filter((operation) => parameter(operation, 'If-Match') === undefined)).toEqual([]);
  });

  it.each(where((operation) => parameter(operation, 'If-Match') !== undefined))(
    'with If-Match declares 412, and the version is in the ETag of its GET: %s',
    (_id, operation) => {
      const read = readOf(operation.path)!;

      expect(codesOf(operation, 412)).toEqual(['PRECONDITION_FAILED']);
      expect(parameter(read, 'If-None-Match')).toBeDefined();
      expect(read.responses).toHaveProperty('304');
      for (const answering of [read, operation].filter(hasBody))
        expect(successOf(answering)).toHaveProperty(['headers', 'ETag']);
    },
  );
});
