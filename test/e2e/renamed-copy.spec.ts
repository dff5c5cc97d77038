import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { failureOf, ProjectCopy } from '../support/project-copy.ts';

/** The checks and the tests of a copy each start several programs. */
const LIMIT_MS = 400_000;

/** Checks that read files with the name, or documents that are generated with it. */
const CHECKS = [
  'types',
  'docs',
  'words',
  'API documents',
  'openapi.json rules',
  'TypeScript client',
  'breaking changes',
  '.env.example',
];

/** Cookies, mails, database connections, GET /, pages and the API document. */
const TESTS = [
  'test/e2e/refresh-cookie.spec.ts',
  'test/e2e/mail-transport.spec.ts',
  'test/e2e/lock-order.spec.ts',
  'test/e2e/http.spec.ts',
  'test/e2e/docs-browser.spec.ts',
  'test/contract/document.spec.ts',
];

let copy: ProjectCopy;

beforeAll(() => {
  copy = new ProjectCopy();
  copy.run('scripts/template/rename.ts', 'acme-billing', 'ACME Billing');
  copy.commit('Rename');
});

afterAll(() => copy.remove());

describe('a renamed project', () => {
  it(
    'passes its checks',
    () => {
      const result = copy.run('scripts/check.ts', ...CHECKS);

      expect(failureOf(result)).toBe('');
    },
    LIMIT_MS,
  );

  it(
    'passes the tests of what contains the name',
    () => {
      const result = copy.test(...TESTS);

      expect(failureOf(result)).toBe('');
    },
    LIMIT_MS,
  );
});
