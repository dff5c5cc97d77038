import { describe, expect, it } from '@jest/globals';
import { ValidationFailedError } from './platform.errors.ts';
import { problemBody } from './problem-body.ts';

const occurrence = {
  publicUrl: 'http://localhost:3000',
  url: '/v1/x?token=secret',
  correlationId: 'abc',
  locale: 'en',
} as const;

describe('a problem document', () => {
  it('lists at most 50 details and says how many more there are', () => {
    const details = Array.from({ length: 53 }, (_, index) => ({
      path: String(index),
      code: 'UNKNOWN_PROPERTY',
      message: 'This property is not known.',
    }));

    const body = JSON.parse(problemBody(new ValidationFailedError({ details }), occurrence));

    expect(body.details).toHaveLength(50);
    expect(body.detail).toMatch(/ 3 more fields are not listed\.$/);
  });

  it('has a detail when the throw passes none', () => {
    const body = JSON.parse(problemBody(new ValidationFailedError(), occurrence));

    expect(body.detail).toBe(ValidationFailedError.problem.detail);
  });
});
