import { describe, expect, it } from '@jest/globals';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { isDatabaseUnavailable } from './postgres-errors.ts';

const queryError = (code: string) =>
  new QueryFailedError('SELECT 1', [], Object.assign(new Error('failed'), { code }));

describe('isDatabaseUnavailable', () => {
  it.each([
    ['a connection that breaks during a statement', new Error('Connection terminated unexpectedly')],
    [
      'a connection that breaks between two statements of a transaction',
      new QueryRunnerProviderAlreadyReleasedError(),
    ],
    ['a connection that breaks before the commit', new QueryRunnerAlreadyReleasedError()],
    ['a server that rejects the connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['a read-only server', queryError('25006')],
    ['a deadlock', queryError('40P01')],
  ])('is true for %s', (_fault, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  it('is false for any other error', () => {
    expect(isDatabaseUnavailable(new TypeError('x is not a function'))).toBe(false);
  });
});
