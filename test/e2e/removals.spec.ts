import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { failureOf, ProjectCopy } from '../support/project-copy.ts';

const PROJECT = dirname(dirname(import.meta.dirname));
/** Several times the duration of the sample. */
const LIMIT_MS = 900_000;

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

  describe('in a product', () => {
    let copy: ProjectCopy;

    beforeEach(() => {
      copy = new ProjectCopy();
      copy.run('scripts/template/rename.ts', 'acme-billing');
    });

    afterEach(() => copy.remove());

    it('stops before it changes anything if files of the product use the feature', () => {
      copy.write('src/invoice-page.ts', `export { page } from './dashboard/dashboard-pages.ts';\n`);
      copy.commit('Add a page');

      const result = copy.run('scripts/template/remove-feature.ts', 'dashboard');

      expect(result).toEqual({
        code: 1,
        output: expect.stringContaining('\n  src/invoice-page.ts\n'),
      });
      expect(copy.git('status', '--porcelain')).toBe('');
    });

    it('stops if the history does not say which files are those of the product', () => {
      const state = copy.read('.template.json');
      copy.write('.template.json', state.replace(/"commit": "[^"]*"/, `"commit": "${'0'.repeat(40)}"`));
      copy.commit('A history without the template');

      const result = copy.run('scripts/template/remove-feature.ts', 'dashboard');

      expect(result).toEqual({ code: 1, output: expect.stringContaining('git fetch --unshallow') });
      expect(copy.git('status', '--porcelain')).toBe('');
    });
  });
});

describe('npm run try-removals', () => {
  it(
    'removes a sample of the features, and the rest passes',
    () => {
      const result = run('scripts/template/try-removals.ts', '--sample');

      process.stdout.write(`${result.output.split('\n', 1).join()}\n`);
      expect(failureOf(result)).toBe('');
    },
    LIMIT_MS,
  );
});
