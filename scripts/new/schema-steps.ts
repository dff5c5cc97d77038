import { SQL_RESERVED } from './names.ts';

export interface Statement {
  up: string;
  down: string;
}

/** The statements of one migration. */
export interface Step {
  suffix: string;
  statements: Statement[];
  /** Whether it builds indexes or unique constraints of an existing table. This must not block writes. */
  isConcurrent: boolean;
}

/** The statement in the style of the migrations: without quotes, and without the defaults of Postgres. */
export function plainSql(generated: string): string {
  return generated
    .replaceAll(/'(?:[^']|'')*'|"public"\.|"([a-z_][a-z0-9_]*)"/g, (found: string, name?: string) => {
      if (found.startsWith("'")) return found;
      return name === undefined ? '' : SQL_RESERVED.has(name) ? found : name;
    })
    .replaceAll(/ ON (?:UPDATE|DELETE) NO ACTION/g, '')
    .replaceAll(/TIMESTAMP(\(\d\))? WITH TIME ZONE/g, 'timestamptz$1')
    .replaceAll(/\bnumeric\((\d+),(\d+)\)/g, 'numeric($1, $2)')
    .replaceAll(/(REFERENCES \w+)\(/g, '$1 (')
    .replaceAll(/^(CREATE (?:UNIQUE )?INDEX \w+ ON \w+) +/g, '$1 ')
    .replaceAll(/^(ALTER TABLE \w+) ADD (?!CONSTRAINT)/g, '$1 ADD COLUMN ')
    .replaceAll(/^(ALTER TABLE \w+ ADD CONSTRAINT \w+ (?:FOREIGN KEY|CHECK) .*)$/g, '$1 NOT VALID')
    .trim();
}

const tableOf = (sql: string): string =>
  /^(?:CREATE TABLE|ALTER TABLE|DROP TABLE|COMMENT ON COLUMN) (\w+)/.exec(sql)?.[1] ??
  /^CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)/.exec(sql)?.[1] ??
  '';

/**
 * Groups statements as docs/decisions/0034 asks: a transaction locks one existing table, an index of an existing table is
 * built without a transaction, and a foreign key that locks a second table has its own migration.
 */
export function stepsOf(statements: Statement[]): Step[] {
  const created = new Set(
    statements
      .map(({ up }) => up)
      .filter((sql) => sql.startsWith('CREATE TABLE'))
      .map(tableOf),
  );
  const steps = new Map<string, Step>();
  const hasForeignKey = new Set<string>();
  for (const statement of statements) {
    const table = tableOf(statement.up);
    const kind = kindOf(statement, created.has(table) && !hasForeignKey.has(table), created.has(table));
    if (/FOREIGN KEY/.test(statement.up)) hasForeignKey.add(table);
    const constraint = /CONSTRAINT (\w+)/.exec(statement.up)?.[1] ?? '';
    const suffix = { table, index: `${table}-index`, key: constraint }[kind].replaceAll('_', '-');
    const step = steps.get(suffix) ?? { suffix, statements: [], isConcurrent: kind === 'index' };
    step.statements.push(kind === 'table' && created.has(table) ? withoutNotValid(statement) : statement);
    steps.set(suffix, step);
  }
  return [...steps.values()];
}

const BUILDS_INDEX = /^CREATE (?:UNIQUE )?INDEX |^ALTER TABLE \w+ ADD CONSTRAINT \w+ UNIQUE /;

function kindOf({ up }: Statement, mayHaveKey: boolean, isCreated: boolean): 'table' | 'index' | 'key' {
  if (/FOREIGN KEY/.test(up)) return mayHaveKey ? 'table' : 'key';
  return BUILDS_INDEX.test(up) && !isCreated ? 'index' : 'table';
}

/** A table that is created in the same transaction has no older rows. */
const withoutNotValid = ({ up, down }: Statement): Statement => ({ up: up.replace(/ NOT VALID$/, ''), down });
