import { describe, expect, it } from '@jest/globals';
import { expectedVersion } from './etag.ts';

describe('If-Match', () => {
  it.each([
    [undefined, undefined],
    ['*', undefined],
    ['"3"', 3],
    ['W/"3"', 3],
    ['"another", "3"', 3],
    ['3', -1],
    ['"another"', -1],
  ])('%s asks for version %s', (header, version) => {
    expect(expectedVersion(header)).toBe(version);
  });

  it('is rejected when it lists several of our versions', () => {
    expect(() => expectedVersion('"1", "2"')).toThrow('several versions');
  });
});
