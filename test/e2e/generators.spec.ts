import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { ProjectCopy } from '../support/project-copy.ts';

/** The checks and the tests of a copy each start several programs. */
const LIMIT_MS = 240_000;
const GUIDE = readGuide('add-a-feature.md');

const EVERY_TYPE = [
  'number:text:unique',
  'position:int',
  'total:decimal?',
  'isPaid:bool',
  'dueOn:date',
  'sentAt:timestamp?',
  'customerId:uuid',
  'status:enum(draft|sent)',
];

/** Those that read routes, tables, migrations and docs. The others check the format of each file. */
const CHECKS = [
  'types',
  'docs',
  'feature guide',
  'tables',
  'migrations',
  'authorization matrix',
  'openapi.json rules',
];

/** The tests of the features, and those that read all tables and routes. */
const TEST_FILES = [
  'e2e/(bookmarks|invoices|conditional-requests|database-guide|personal-data).spec',
  'contract/(authorization-matrix|conventions|request-examples).spec',
];
/** Leaves out tests about other features. */
const TEST_NAMES = 'bookmark|invoice|openapi|exactly|database.md|data of users';

let copy: ProjectCopy;
let original: string;

beforeAll(() => {
  copy = new ProjectCopy();
  original = copy.git('rev-parse', 'HEAD');
});

afterAll(() => copy.remove());

const ok = (output: unknown) => ({ code: 0, output });

/** The arguments of a command in a guide. */
function argumentsOf(command: string): string[] {
  const [, line = ''] = new RegExp(`^npm run ${command} -- (.*)$`, 'm').exec(GUIDE) ?? [];
  return line.split(' ').map((argument) => argument.replaceAll("'", ''));
}

describe('npm run new:feature', () => {
  it(
    'writes the code that the guide shows',
    () => {
      const written = copy.run('scripts/new-feature.ts', ...argumentsOf('new:feature'));

      expect(written).toEqual(ok(expect.stringContaining('test/e2e/bookmarks.spec.ts')));
      copy.commit('Add bookmarks');
      const paths = copy.git('diff', '--name-only', '--diff-filter=A', original).split('\n');
      const code = paths.map((path) =>
        copy.read(path).replaceAll(/(?<=CreateBookmarks|\/)\d{13}/g, '1764500000000'),
      );
      const blocks = codeBlocks(GUIDE, 'ts');
      expect(blocks.filter((block) => !code.some((text) => text.includes(block)))).toEqual([]);
      expect(blocks.length).toBeGreaterThan(8);
    },
    LIMIT_MS,
  );

  it(
    'writes a field of every type',
    () => {
      const fields = EVERY_TYPE.flatMap((field) => ['--field', field]);

      const written = copy.run('scripts/new-feature.ts', 'invoices', ...fields);

      expect(written).toEqual(ok(expect.stringContaining('test/e2e/invoices.spec.ts')));
    },
    LIMIT_MS,
  );

  it('writes nothing if the feature exists', () => {
    copy.commit('Add invoices');

    const written = copy.run('scripts/new-feature.ts', 'invoices');

    expect(written).toEqual({ code: 1, output: 'The feature src/invoices exists.\n' });
    expect(copy.git('status', '--porcelain')).toBe('');
  });
});

describe('the generated code', () => {
  it(
    'passes the checks',
    () => {
      const changed = copy
        .git('diff', '--name-only', original, '--', 'src', 'test', 'migrations')
        .split('\n');

      const results = [
        copy.run('scripts/check.ts', ...CHECKS),
        copy.run('node_modules/.bin/oxlint', '--type-aware', '--deny-warnings', ...changed),
        copy.run('node_modules/.bin/prettier', '--check', ...changed),
      ];

      expect(results).toEqual(results.map(() => ok(expect.any(String))));
    },
    LIMIT_MS,
  );

  it(
    'passes its tests and the contract tests',
    () => {
      const { code, output } = copy.test(...TEST_FILES, '-t', TEST_NAMES);

      expect({ code, output }).toEqual(ok(expect.stringMatching(/, 0 failed/)));
      expect(Number(/(\d+) passed/.exec(output)?.[1])).toBeGreaterThan(100);
    },
    LIMIT_MS,
  );
});
