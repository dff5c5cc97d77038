import { describe, expect, it } from '@jest/globals';
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { isDatabaseUnavailable } from './postgres-errors.ts';

describe('a database that is away', () => {
  it.each([
    ['in the middle of a statement', new Error('Connection terminated unexpectedly')],
    ['between two statements of a transaction', new QueryRunnerProviderAlreadyReleasedError()],
    ['before the commit', new QueryRunnerAlreadyReleasedError()],
    ['at the start', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
  ])('is known as such: %s', (_when, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  it('is not what any other error means', () => {
    expect(isDatabaseUnavailable(new TypeError('x is not a function'))).toBe(false);
  });
});
