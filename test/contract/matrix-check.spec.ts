import { describe, expect, it } from '@jest/globals';
import { matrixFaults, rowsOf } from '../../scripts/check-matrix.ts';

describe('the check of the authorization matrix', () => {
  it('reads the rows from the source', () => {
    const source = `export const matrix = { getNote: rule([401, 404, 200, 404]), listNotes: rule([401], { of: 'note' }), other: 1 };`;

    expect(rowsOf(source)).toEqual(['getNote', 'listNotes']);
  });

  it('names a route without a row, with its file', () => {
    const routes = new Map([['getNote', 'src/notes/notes.controller.ts']]);

    expect(matrixFaults(routes, new Map())).toEqual([
      expect.stringMatching(
        /^getNote\(\) in src\/notes\/notes\.controller\.ts has no row in test\/contract\/authorization\/notes\.ts: add getNote: rule\(/,
      ),
    ]);
  });

  it('names a row without a route', () => {
    const rows = new Map([['getNote', 'test/contract/authorization/notes.ts']]);

    expect(matrixFaults(new Map(), rows)).toEqual([
      'getNote in test/contract/authorization/notes.ts is not a route: remove the row.',
    ]);
  });
});
