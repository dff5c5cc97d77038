import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { migrationFiles } from '../../scripts/new/migration-files.ts';
import { plainSql, stepsOf } from '../../scripts/new/schema-steps.ts';
import { ProjectCopy } from '../support/project-copy.ts';

/** Builds the copy, and starts several programs. */
const LIMIT_MS = 240_000;
const ENTITY = 'src/mail/mail.entity.ts';
const ok = (output: unknown) => ({ code: 0, output });

describe('npm run new:migration', () => {
  let copy: ProjectCopy;

  beforeAll(() => {
    copy = new ProjectCopy();
  });

  afterAll(() => copy.remove());

  const write = (name: string) => copy.runWithDatabase('scripts/new-migration.ts', name);
  const changeEntity = (from: string, to: string) =>
    copy.write(
      ENTITY,
      copy.read(ENTITY).replace(from, () => to),
    );
  /** The new files, oldest first. */
  const newFiles = () =>
    copy.git('ls-files', '--others', '--exclude-standard', 'migrations').split('\n').toSorted();

  it(
    'writes an empty migration if the entities and the migrations agree',
    () => {
      expect(write('move-data')).toEqual(
        ok(expect.stringContaining('The entities and the migrations agree')),
      );

      const [file = ''] = newFiles();
      expect(copy.read(file)).toMatch(/export class MoveData\d{13} implements/);
      expect(copy.read(file)).toContain('-- The change.');
      copy.git('clean', '--quiet', '--force', 'migrations');
    },
    LIMIT_MS,
  );

  it(
    'writes what the entities need, one migration for each kind of lock',
    () => {
      changeEntity(
        'export class Mail {\n',
        `@Index('mails_opened_at_idx', ['openedAt'])
@Unique('mails_user_id_opened_at_key', ['userId', 'openedAt'])
export class Mail {
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  openedAt!: Date | null;

`,
      );

      changeEntity(
        'Index, JoinColumn, ManyToOne, PrimaryColumn }',
        'Index, JoinColumn, ManyToOne, PrimaryColumn, Unique }',
      );

      const written = write('add-opened-at');

      expect(written).toEqual(ok(expect.stringContaining('-add-opened-at.ts')));
      const [column = '', index = ''] = newFiles();
      expect(copy.read(column)).toContain('`ALTER TABLE mails ADD COLUMN opened_at timestamptz(3)`');
      expect(copy.read(column)).toContain('`ALTER TABLE mails DROP COLUMN opened_at`');
      expect(index).toMatch(/-add-opened-at-mails-index\.ts$/);
      expect(copy.read(index)).toContain(
        "createIndexConcurrently(db, 'mails_opened_at_idx', `ON mails (opened_at)`)",
      );
      expect(copy.read(index)).toContain(
        "addUniqueConcurrently(db, 'mails', 'mails_user_id_opened_at_key', 'user_id, opened_at')",
      );
      expect(copy.read(index)).toContain('static readonly isDraft = true;');
    },
    LIMIT_MS,
  );

  it(
    'writes drafts, which pass the checks and the tests of migrations when they are no longer drafts',
    () => {
      const draft = copy.run('scripts/check.ts', 'migrations');
      for (const file of newFiles())
        copy.write(file, copy.read(file).replace(/ {2}\/\*\*.*\*\/\n {2}static readonly isDraft.*\n/, ''));
      const results = [
        copy.run('scripts/check.ts', 'types', 'migrations'),
        copy.run('node_modules/.bin/prettier', '--check', ...newFiles()),
        copy.test('e2e/migrations.spec', '-t', 'be reverted and reapplied|that the entities describe'),
      ];

      expect(draft).toEqual({ code: 1, output: expect.stringContaining('is a draft') });
      expect(results).toEqual(results.map(() => ok(expect.any(String))));
      expect(results.at(-1)?.output).toContain('2 passed, 0 failed');
    },
    LIMIT_MS,
  );

  it(
    'asks for a review where data is dropped',
    () => {
      copy.commit('Add a column');
      changeEntity("  @Column('text')\n  recipient!: string;\n", '');

      expect(write('drop-recipient').code).toBe(0);

      const [file = ''] = newFiles();
      expect(copy.read(file)).toMatch(
        / {4}\/\/ Review: .*\n {4}await db\.query\(`ALTER TABLE mails DROP COLUMN recipient`\)/,
      );
    },
    LIMIT_MS,
  );

  it.each([
    ['add-opened-at', 'exists: choose another name'],
    ['AddColumn', 'The migration is named in lower case'],
  ])('writes nothing with the name %s', (name, message) => {
    const before = newFiles();

    const { code, output } = write(name);

    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(message) });
    expect(newFiles()).toEqual(before);
  });
});

describe('a generated statement', () => {
  it.each([
    ['ALTER TABLE "orders" ADD "due_on" date', 'ALTER TABLE orders ADD COLUMN due_on date'],
    ['DROP INDEX "public"."orders_due_on_idx"', 'DROP INDEX orders_due_on_idx'],
    ['ALTER TABLE "a" ADD "user" text', 'ALTER TABLE a ADD COLUMN "user" text'],
    [`ALTER TABLE "a" ADD "b" text DEFAULT '"c"'`, `ALTER TABLE a ADD COLUMN b text DEFAULT '"c"'`],
    [
      'ALTER TABLE "a" ADD CONSTRAINT "f" FOREIGN KEY ("b_id") REFERENCES "b"("id") ON DELETE CASCADE ON UPDATE NO ACTION',
      'ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b_id) REFERENCES b (id) ON DELETE CASCADE NOT VALID',
    ],
  ])('is written as plain SQL: %s', (generated, plain) => {
    expect(plainSql(generated)).toBe(plain);
  });

  it.each([
    ['ALTER TABLE a ADD COLUMN b text NOT NULL', 'fails if the table has rows'],
    ['ALTER TABLE a ALTER COLUMN b SET NOT NULL', 'fails if a row has no value'],
  ])('asks for a review that the guide helps with: %s', (up, reason) => {
    const statements = [{ up, down: 'SELECT 1' }];

    const files = migrationFiles(
      'change-a',
      [{ suffix: 'a', statements, isConcurrent: false }],
      1_900_000_000_000,
    );

    const [content] = Object.values(files);
    expect(content).toMatch(new RegExp(`// Review: ${reason}.*docs/guides/change-a-table\\.md`));
    expect(content!.match(/Review:/g)).toHaveLength(1);
  });

  it('is in a file with a short name', () => {
    const suffix = 'a-long-name-of-a-constraint-that-has-sixty-three-characters-fkey';
    const steps = [suffix, 'orders-index', suffix].map((one) => ({
      suffix: one,
      statements: [],
      isConcurrent: false,
    }));

    const names = Object.keys(migrationFiles('add-references-of-orders', steps, 1_900_000_000_000));

    expect(names).toEqual([
      'migrations/1900000000000-add-references-of-orders.ts',
      'migrations/1900000000001-add-references-of-orders-orders-index.ts',
      'migrations/1900000000002-add-references-of-orders-step-3.ts',
    ]);
  });

  it('is in the migration of its table, and further foreign keys are in their own', () => {
    const key = (name: string, table: string) => ({
      up: `ALTER TABLE a ADD CONSTRAINT ${name} FOREIGN KEY (${table}_id) REFERENCES ${table} (id) NOT VALID`,
      down: `ALTER TABLE a DROP CONSTRAINT ${name}`,
    });
    const table = { up: 'CREATE TABLE a (id uuid NOT NULL)', down: 'DROP TABLE a' };
    const index = { up: 'CREATE INDEX a_b_id_idx ON a (b_id)', down: 'DROP INDEX a_b_id_idx' };

    const steps = stepsOf([table, index, key('a_b_id_fkey', 'b'), key('a_c_id_fkey', 'c')]);

    const first = { ...key('a_b_id_fkey', 'b'), up: key('a_b_id_fkey', 'b').up.replace(' NOT VALID', '') };
    expect(steps).toEqual([
      { suffix: 'a', statements: [table, index, first], isConcurrent: false },
      { suffix: 'a-c-id-fkey', statements: [key('a_c_id_fkey', 'c')], isConcurrent: false },
    ]);
  });
});
