import { describe, expect, it } from '@jest/globals';
import { breakingChanges } from '../../scripts/breaking-changes/openapi.ts';
import type { Schema } from '../../scripts/breaking-changes/schemas.ts';

/** A response with a union by `type`, as that of notifications: type → type of its data. */
function documentWith(types: Record<string, string>) {
  const schema: Schema = {
    oneOf: Object.entries(types).map(([type, data]) => ({
      type: 'object',
      properties: { type: { const: type }, data: { type: data } },
    })),
    discriminator: {
      propertyName: 'type',
      mapping: Object.fromEntries(Object.keys(types).map((type) => [type, `#/components/schemas/${type}`])),
    },
  };
  const operation = { responses: { 200: { content: { 'application/json': { schema } } } } };
  return { paths: { '/things': { get: operation } } };
}

describe('the check of a union against the last release', () => {
  it('allows a new type if clients expect types that they do not know', () => {
    const before = documentWith({ created: 'string', unknown: 'object' });
    const after = documentWith({ created: 'string', sold: 'integer', unknown: 'object' });

    expect(breakingChanges(before, after)).toEqual([]);
  });

  it('reports a new type of another union', () => {
    const before = documentWith({ created: 'string', removed: 'string' });
    const after = documentWith({ created: 'string', removed: 'string', sold: 'string' });

    expect(breakingChanges(before, after)).toEqual([expect.stringContaining('may now be "sold"')]);
  });

  it('reports other data of a known type', () => {
    const before = documentWith({ created: 'string', unknown: 'object' });
    const after = documentWith({ created: 'integer', unknown: 'object' });

    expect(breakingChanges(before, after)).toEqual([expect.stringContaining('may now be integer')]);
  });
});
