import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { failureOf, ProjectCopy } from '../support/project-copy.ts';

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
  'authorId:references:users?',
  'bookmarkId:references:bookmarks?',
  'approverId:references:users',
  'shelfId:references:bookmarks',
];

/** Checks that read routes, tables, migrations and docs. The others check the format of each file. */
const CHECKS = [
  'types',
  'docs',
  'feature guide',
  'tables',
  'migrations',
  'authorization matrix',
  'openapi.json rules',
  '.env.example',
];

/** The tests of the features, and those that read all tables and routes. */
const TEST_FILES = [
  'config/invoice-due-days.spec',
  'e2e/(bookmarks|invoices|send-reminder|send-summary|purge-mails|invoice-paid|invoice-changed).spec',
  'e2e/(bookmarks-graphql|invoices-graphql|graphql-authorization).spec',
  'e2e/(conditional-requests|database-guide|personal-data).spec',
  'contract/(authorization-matrix|conventions|request-examples).spec',
];
/** Leaves out tests about other features. */
const TEST_NAMES = 'bookmark|invoice|purge-mails|send-summary|openapi|exactly|database.md|data of users';

let copy: ProjectCopy;
let original: string;

beforeAll(() => {
  copy = new ProjectCopy();
  original = copy.git('rev-parse', 'HEAD');
});

afterAll(() => copy.remove());

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

      expect(failureOf(written)).toBe('');
      expect(written.output).toContain('test/e2e/bookmarks.spec.ts');
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

      expect(failureOf(written)).toBe('');
      expect(written.output).toContain('test/e2e/invoices.spec.ts');
    },
    LIMIT_MS,
  );
});

describe('npm run new:job', () => {
  it.each([
    ['invoices', ['send-reminder'], 'src/invoices/invoices-worker.module.ts'],
    ['mail', ['purge-mails'], 'change  src/mail/mail-worker.module.ts'],
    [
      'invoices',
      ['send-summary', '--schedule', '0 9 * * MON', '--timezone', 'Europe/Berlin'],
      'POST /v1/schedules/send-summary/run',
    ],
  ])('writes a job of %s: %j', (feature, args, written) => {
    const result = copy.run('scripts/new-job.ts', feature, ...args);

    expect(failureOf(result)).toBe('');
    expect(result.output).toContain(written);
  });
});

describe('npm run new:event', () => {
  it.each([
    ['invoice.paid', 'with the given data', ['--field', 'amount:int', '--field', 'paidAt:timestamp?']],
    ['invoice.changed', 'with the data that the API returns', ['--internal']],
  ])(
    'writes %s, %s',
    (type, _data, options) => {
      const written = copy.run('scripts/new-event.ts', 'invoices', type, ...options);

      expect(failureOf(written)).toBe('');
      expect(written.output).toContain('src/invoices/invoices.service.ts');
      expect(written.output).toContain('Listener implements OnModuleInit');
    },
    LIMIT_MS,
  );

  it('describes events for webhooks, without the internal ones', () => {
    const { webhooks } = JSON.parse(copy.read('openapi.json')) as { webhooks: object };

    expect(Object.keys(webhooks)).toEqual(expect.arrayContaining(['invoice.paid', 'user.created']));
    expect(Object.keys(webhooks)).not.toContain('invoice.changed');
    expect(copy.read('docs/events.md')).toContain('### `invoice.paid`');
  });
});

describe('npm run new:setting', () => {
  it('writes a setting with its description', () => {
    const range = ['--type', 'int', '--default', '14', '--min', '1', '--max', '365'];

    const written = copy.run('scripts/new-setting.ts', 'INVOICE_DUE_DAYS', ...range);

    expect(failureOf(written)).toBe('');
    expect(written.output).toContain('src/platform/config/invoice-due-days.spec.ts');
    expect(copy.read('.env.example')).toContain('\n# Invoice due days.\n#INVOICE_DUE_DAYS=14\n');
  });
});

describe('a generator', () => {
  beforeAll(() => {
    copy.commit('Add invoices');
  });

  it.each([
    ['new-feature', ['invoices'], 'The feature src/invoices exists.'],
    ['new-job', ['invoices', 'send-reminder'], 'The job type send-reminder exists in src/invoices/'],
    ['new-job', ['orders', 'send-reminder'], 'There is no feature orders. Features: audit, auth, '],
    ['new-job', ['invoices', 'Remind'], 'The job is named in lower case, with hyphens'],
    ['new-job', ['invoices', 'late', '--schedule', '@daily'], 'A schedule needs both'],
    [
      'new-job',
      ['invoices', 'late', '--schedule', '61 * * * *', '--timezone', 'UTC'],
      'is not a cron expression',
    ],
    [
      'new-job',
      ['invoices', 'late', '--schedule', '@daily', '--timezone', 'Mars'],
      'Mars is not a time zone',
    ],
    ['new-event', ['invoices', 'invoice.paid'], 'The event invoice.paid exists in src/invoices/'],
    ['new-event', ['invoices', 'paid'], 'An event is named <noun>.<verb>, in lower case with hyphens'],
    ['new-event', ['invoices', 'invoice.late', '--field', 'by:days'], 'by:days is not a field'],
    ['new-setting', ['PORT', '--type', 'bool'], 'The setting PORT exists'],
    ['new-setting', ['INVOICE_DUE_DAYS'], 'npm run new:setting -- <NAME> --type <type>'],
    ['new-event', ['audit', 'audit-event.read', '--x'], "Unknown option '--x'"],
  ])('changes nothing after a mistake: %s %j', (program, args, message) => {
    const { code, output } = copy.run(`scripts/${program}.ts`, ...args);

    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(message) });
    expect(output).not.toMatch(/^\s+at /m);
    expect(copy.git('status', '--porcelain')).toBe('');
  });

  it.each(['new-feature', 'new-job', 'new-event', 'new-setting', 'new-migration'])(
    'explains itself: %s --help',
    (program) => {
      const help = copy.run(`scripts/${program}.ts`, '--help');

      expect(failureOf(help)).toBe('');
      expect(help.output).toContain(`npm run ${program.replace('-', ':')} -- <`);
    },
  );
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

      expect(results.map(failureOf).filter(Boolean)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'passes its tests and the contract tests',
    () => {
      const result = copy.test(...TEST_FILES, '-t', TEST_NAMES);

      expect(failureOf(result)).toBe('');
      expect(result.output).toMatch(/, 0 failed/);
      expect(Number(/(\d+) passed/.exec(result.output)?.[1])).toBeGreaterThan(100);
    },
    LIMIT_MS,
  );

  it(
    'loses its resolvers with GraphQL',
    () => {
      const template = JSON.parse(copy.read('.template.json'));
      template.template.commit = original;
      copy.write('.template.json', JSON.stringify(template, null, 2));
      copy.commit('Remember the template');

      const removal = copy.run('scripts/template/remove-feature.ts', 'graphql');

      expect(failureOf(removal)).toBe('');
      expect(copy.git('status', '--porcelain')).toContain('D src/invoices/invoices.resolver.ts');
      expect(copy.read('src/invoices/invoices-http.module.ts')).not.toMatch(/resolver/i);
      expect(failureOf(copy.run('scripts/check.ts', 'types', 'authorization matrix'))).toBe('');
    },
    LIMIT_MS,
  );
});
