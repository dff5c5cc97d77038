import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { failureOf, ProjectCopy } from '../support/project-copy.ts';

/** Each step starts several programs. */
const LIMIT_MS = 240_000;
const GUIDE = readGuide('first-day.md');
/** The commands of the guide that this test runs. The others start servers or deploy. */
const PROGRAMS: Record<string, string> = {
  'bin/rename': 'scripts/template/rename.ts',
  'npm run new:feature --': 'scripts/new-feature.ts',
  'npm run new:event --': 'scripts/new-event.ts',
  'npm run new:job --': 'scripts/new-job.ts',
  'npm run new:setting --': 'scripts/new-setting.ts',
};

interface Command {
  line: string;
  program: string;
  args: string[];
}

const commands = codeBlocks(GUIDE, 'sh')
  .flatMap((block) => block.split('\n'))
  .flatMap((line): Command[] => {
    const [start, program] = Object.entries(PROGRAMS).find(([text]) => line.startsWith(`${text} `)) ?? [];
    if (!start || !program) return [];
    const args = line
      .slice(start.length + 1)
      .split(' ')
      .map((argument) => argument.replaceAll("'", ''));
    return [{ line, program, args }];
  });

describe('the guide of the first day', () => {
  let copy: ProjectCopy;

  beforeAll(() => {
    copy = new ProjectCopy();
  });

  afterAll(() => copy.remove());

  it('uses each of these commands', () => {
    expect(commands.map(({ program }) => program)).toEqual(Object.values(PROGRAMS));
  });

  it.each(commands)(
    'runs: $line',
    ({ program, args }) => {
      expect(failureOf(copy.run(program, ...args))).toBe('');
      copy.commit('Step of the guide');
    },
    LIMIT_MS,
  );

  it(
    'changes a rule and tests it',
    () => {
      const [rule = '', test = ''] = codeBlocks(GUIDE, 'ts');
      const [, before = ''] = /replace `(.*?)`/.exec(GUIDE) ?? [];
      const schemas = copy.read('src/invoices/invoices.schemas.ts');
      expect(schemas.split(before)).toHaveLength(2);
      copy.write('src/invoices/invoices.schemas.ts', schemas.replace(before, rule.trim()));
      copy.write('test/e2e/invoices.spec.ts', `${copy.read('test/e2e/invoices.spec.ts')}\n${test}`);

      const results = [
        copy.run('--run', 'openapi'),
        copy.run('--run', 'client'),
        copy.run('scripts/check.ts', 'types', 'docs', 'openapi.json rules', '.env.example'),
        copy.test(
          'e2e/(invoices|invoice-paid|send-reminder).spec',
          'config/invoice-due-days.spec',
          'request-examples',
          '-t',
          'invoice|INVOICE',
        ),
      ];

      expect(results.map(failureOf).filter(Boolean)).toEqual([]);
      expect(results.at(-1)?.output).toMatch(/, 0 failed/);
    },
    LIMIT_MS,
  );
});
