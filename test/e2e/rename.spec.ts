import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkNames } from '../../scripts/template/rename.ts';
import { ProjectCopy } from '../support/project-copy.ts';

const RENAME = 'scripts/template/rename.ts';

let copy: ProjectCopy;

beforeEach(() => {
  copy = new ProjectCopy();
});

afterEach(() => copy.remove());

/** Lines that match, in any case. Throws if there are none. */
const linesWith = (text: string): string[] =>
  copy
    .git(
      'grep',
      '-nIi',
      '-e',
      text,
      '--',
      '.',
      ':!scripts/template',
      ':!CHANGELOG.md',
      ':!test/e2e/rename.spec.ts',
    )
    .split('\n');

describe('bin/rename', () => {
  it('leaves the old name nowhere', () => {
    const result = copy.run(RENAME, 'acme-billing');

    expect(result).toEqual({ code: 0, output: expect.not.stringContaining('still in these lines') });
    expect(() => linesWith('nestjs[-_ ]\\?reference')).toThrow('git grep');
    expect(linesWith('acme[-_ ]billing').length).toBeGreaterThan(20);
    expect(JSON.parse(copy.read('package.json'))).toMatchObject({
      name: 'acme-billing',
      title: 'Acme Billing',
    });
    expect(copy.read('fly.toml')).toContain('app = "acme-billing"');
    expect(copy.read('docker-compose.yml')).toContain('POSTGRES_DB: acme_billing\n');
    expect(copy.read('.env.example')).toContain('MAIL_FROM=Acme Billing <no-reply@example.com>');
    expect(copy.read('cspell-words.txt')).toMatch(/^acme\nbilling\n/m);
  });

  it('remembers the commit of the template', () => {
    const commit = copy.git('rev-parse', 'HEAD');

    copy.run(RENAME, 'acme-billing', 'ACME & Sons');

    expect(JSON.parse(copy.read('.template.json'))).toEqual({
      name: 'acme-billing',
      title: 'ACME & Sons',
      removed: [],
      template: { version: '0.1.0', commit },
    });
  });

  it('changes nothing the second time', () => {
    copy.run(RENAME, 'acme-billing');
    copy.commit('Rename');

    const second = copy.run(RENAME, 'acme-billing');

    expect(second).toEqual({ code: 0, output: 'The name is already acme-billing (Acme Billing).\n' });
    expect(copy.git('status', '--porcelain')).toBe('');
  });

  it('renames again, also from a common word', () => {
    copy.run(RENAME, 'acme-billing');
    const once = copy.commit('Rename');
    copy.run(RENAME, 'app');
    copy.commit('Rename to a common word');

    const back = copy.run(RENAME, 'acme-billing');

    expect(back.code).toBe(0);
    expect(copy.git('diff', '--stat', once)).toBe('');
  });

  it('prints its usage, and one line about an unknown option', () => {
    const help = copy.run(RENAME, '--help');
    const unknown = copy.run(RENAME, 'acme-billing', '--caption');

    expect(help).toEqual({ code: 0, output: expect.stringMatching(/^Usage: bin\/rename <name> /) });
    expect(unknown).toEqual({ code: 1, output: expect.stringMatching(/^Unknown option '--caption'.*\n$/) });
    expect(copy.git('status', '--porcelain')).toBe('');
  });

  it('changes nothing while changes are not committed', () => {
    copy.write('README.md', 'Draft');

    const result = copy.run(RENAME, 'acme-billing');

    expect(result).toEqual({
      code: 1,
      output: 'There are uncommitted changes. Commit or stash them first.\n',
    });
    expect(copy.git('status', '--porcelain')).toBe('M README.md');
    expect(copy.run(RENAME, 'acme-billing', '--force').code).toBe(0);
  });
});

describe('the name of a product', () => {
  it.each([
    'Acme',
    '1st',
    'a',
    'acme_billing',
    'acme--x',
    'acme-',
    '../x',
    'pg-tools',
    'postgres',
    'http',
    'a'.repeat(31),
  ])('can not be %s', (name) => {
    expect(() => checkNames({ name, title: 'Acme' })).toThrow(`“${name}” can't be the name`);
  });

  it('has a title that fits into an email header', () => {
    expect(() => checkNames({ name: 'acme', title: 'Acme <x@example.com>' })).toThrow("can't be the title");
  });
});
