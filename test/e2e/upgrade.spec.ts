import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { newNotes } from '../../scripts/template/release-notes.ts';
import { failureOf, ProjectCopy, type Result } from '../support/project-copy.ts';

const UPGRADE = 'scripts/template/upgrade.ts';
const LIMIT_MS = 400_000;
/** Features and one file of each. The tests remove the first one that the project has. */
const FEATURES = {
  webhooks: 'src/webhooks/outbound/webhook-sender.ts',
  notifications: 'src/notifications/notifications.service.ts',
  dashboard: 'src/dashboard/dashboard-pages.ts',
};
const [FEATURE, FEATURE_FILE] = Object.entries(FEATURES).find(([, file]) => existsSync(file)) ?? [];

let template: ProjectCopy;
let first: string;
let second: string;
const clones: ProjectCopy[] = [];

beforeAll(() => {
  template = new ProjectCopy();
  first = template.git('rev-parse', 'HEAD');
  edit(
    template,
    'docs/architecture.md',
    '# Architecture\n',
    '# Architecture\n\nA new paragraph of the template.\n',
  );
  edit(template, 'src/app.module.ts', '@Module({', '// A change of a list.\n@Module({');
  if (FEATURE_FILE) edit(template, FEATURE_FILE, 'import ', '// A change of a feature.\nimport ');
  edit(
    template,
    'CHANGELOG.md',
    '## [Unreleased]\n',
    '## [Unreleased]\n\n### Upgrade notes\n\n- Run the new migration first.\n',
  );
  second = template.commit('Second version');
});

afterAll(() => [template, ...clones].forEach((copy) => copy.remove()));

/** A clone of the first version. */
function clone(): ProjectCopy {
  const copy = template.clone(first);
  clones.push(copy);
  return copy;
}

function edit(copy: ProjectCopy, file: string, from: string, to: string): void {
  copy.write(
    file,
    copy.read(file).replace(from, () => to),
  );
}

/** The files that the second version changes in each clone. */
const CHANGED = ['.template.json', 'CHANGELOG.md', 'docs/architecture.md', 'src/app.module.ts'];
/** “API documents” builds and starts the application. */
const CHECKS = ['types', 'API documents', 'docs'];

const changedFiles = (copy: ProjectCopy, before: string): string[] =>
  copy.git('diff', '--name-only', before).split('\n').toSorted();

const ok = (result: Result): void => expect(failureOf(result)).toBe('');

const upgrade = (copy: ProjectCopy, ...args: string[]) => copy.run(UPGRADE, ...args, '--from', template.root);

describe('bin/upgrade', () => {
  it('upgrades a renamed clone, prints the notes, and changes nothing the second time', () => {
    const copy = clone();
    ok(copy.run('scripts/template/rename.ts', 'another-name'));
    const before = copy.commit('Rename');

    const result = upgrade(copy);

    expect(result).toEqual({ code: 0, output: expect.stringContaining('- Run the new migration first.') });
    expect(changedFiles(copy, before)).toEqual(FEATURE_FILE ? [...CHANGED, FEATURE_FILE] : CHANGED);
    expect(JSON.parse(copy.read('.template.json'))).toMatchObject({
      name: 'another-name',
      template: { commit: second, repository: template.root },
    });
    expect(copy.git('status', '--porcelain')).toBe('');
    expect(upgrade(copy)).toEqual({ code: 0, output: `This clone already contains ${second}.\n` });
    expect(copy.git('worktree', 'list').split('\n')).toHaveLength(1);
  });

  it(
    'keeps the features of a clone, and the result compiles and passes their tests',
    () => {
      const copy = clone();
      for (const name of ['bookmarks', 'invoices']) ok(copy.run('scripts/new-feature.ts', name));
      edit(copy, 'docs/architecture.md', '## Errors', '## Invoices\n\nOur page.\n\n## Errors');
      const before = copy.commit('Two features');

      const result = upgrade(copy, second);

      ok(result);
      expect(changedFiles(copy, before)).toEqual(FEATURE_FILE ? [...CHANGED, FEATURE_FILE] : CHANGED);
      expect(copy.read('src/app.module.ts')).toMatch(/InvoicesHttpModule[^]*A change of a list/);
      expect(copy.read('docs/architecture.md')).toMatch(/A new paragraph of the template[^]*Our page/);
      ok(copy.run('scripts/check.ts', ...CHECKS));
      ok(copy.test('test/e2e/(bookmarks|invoices).spec'));
    },
    LIMIT_MS,
  );

  it(
    'does not bring back a removed feature, and the result compiles',
    () => {
      const copy = clone();
      const removed = FEATURE ? [FEATURE] : [];
      for (const name of removed) ok(copy.run('scripts/template/remove-feature.ts', name, '--force'));
      const before = copy.commit('Remove a feature');

      const result = upgrade(copy);

      ok(result);
      expect(changedFiles(copy, before)).toEqual(CHANGED);
      expect(JSON.parse(copy.read('.template.json'))).toMatchObject({
        removed: expect.arrayContaining(removed),
      });
      ok(copy.run('scripts/check.ts', ...CHECKS));
    },
    LIMIT_MS,
  );

  it('leaves conflicts to git, and can be undone', () => {
    const copy = clone();
    edit(copy, 'docs/architecture.md', '# Architecture\n', '# Architecture\n\nA paragraph of the product.\n');
    const before = copy.commit('Our paragraph');

    const result = upgrade(copy);

    expect(result.code).toBe(1);
    expect(result.output).toContain('These files have conflicts:\n  docs/architecture.md');
    expect(copy.read('docs/architecture.md')).toMatch(/<<<<<<<[^]*product[^]*=======[^]*template[^]*>>>>>>>/);
    copy.git('cherry-pick', '--abort');
    expect(copy.git('rev-parse', 'HEAD')).toBe(before);
    expect(copy.git('status', '--porcelain')).toBe('');
  });

  it('changes nothing while changes are not committed, or if there is no such version', () => {
    const copy = clone();

    expect(upgrade(copy, 'v99.0.0')).toEqual({
      code: 1,
      output: 'The template has no tag, branch or commit v99.0.0.\n',
    });
    copy.write('README.md', 'Draft');
    expect(upgrade(copy).output).toBe('There are uncommitted changes. Commit or stash them first.\n');
  });
});

describe('the upgrade notes', () => {
  it('are those of the releases between, with their names', () => {
    const old = '# Changelog\n\n## [1.0.0]\n\n### Upgrade notes\n\n- One.\n';
    const recent = '# Changelog\n\n## [1.1.0]\n\n### Added\n\n- A thing.\n\n### Upgrade notes\n\n- Two.\n\n';

    expect(newNotes(old, recent + old)).toBe('[1.1.0]\n- Two.');
    expect(newNotes(old, old)).toBe('');
  });
});
