import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

const PROJECT = dirname(dirname(import.meta.dirname));
const LIMIT_MS = 60_000;

function run(program: string, ...args: string[]) {
  // The tests of a copy use the database server of this run.
  const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL: process.env['TEST_DATABASE_SERVER_URL'] };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: PROJECT,
    encoding: 'utf8',
    env,
    timeout: LIMIT_MS,
  });
  return { code: status, output: `${stdout}${stderr}` };
}

describe('npm run remove:feature', () => {
  it('names the features that it can remove', () => {
    const result = run('scripts/template/remove-feature.ts', 'users');

    expect(result).toEqual({ code: 1, output: expect.stringMatching(/one of webhooks, notifications, /) });
  });
});
