import { describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import { restoreRows } from '../../scripts/back-ups/rows.ts';
import { newDataDir } from '../support/test-run.ts';
import { times } from '../support/until.ts';

/** A server that responds to each statement after this number of turns of the event loop. */
function serverThatTakes(turns: number): pg.Client {
  const query = async () => {
    for (let turn = 0; turn < turns; turn += 1) await nextTurn();
  };
  return { query } as unknown as pg.Client;
}

/** The file is read while the server works, so the fault may be found before, during and after each statement. */
async function errorsOfRestores(file: string): Promise<Set<string>> {
  const errors = new Set<string>();
  for (const turns of times(200, (index) => index)) {
    const result = restoreRows(serverThatTakes(turns), file);
    errors.add(await result.then(() => 'restored', String));
  }
  return errors;
}

describe('a restore reports, however slow the server is,', () => {
  it('a damaged file', async () => {
    const file = join(newDataDir(), 'damaged');
    writeFileSync(file, gzipSync('SELECT 1;\n').subarray(0, -4));

    const errors = [...(await errorsOfRestores(file))];

    expect(errors).toEqual([expect.stringContaining('is damaged or incomplete')]);
  });

  it('a file that it cannot read', async () => {
    const errors = [...(await errorsOfRestores(join(newDataDir(), 'missing')))];

    expect(errors).toEqual([expect.stringContaining('ENOENT')]);
  });
});
