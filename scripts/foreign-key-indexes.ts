/** The statements of one migration. */
export interface MigrationSql {
  name: string;
  statements: string[];
}

interface Columns {
  /** `table.column`, of the first column. */
  foreignKeys: string[];
  indexed: string[];
}

const TABLE =
  /^(?:CREATE\s+(?:UNLOGGED\s+)?TABLE|ALTER\s+TABLE)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?"?(\w+)"?/i;
const INDEX =
  /^CREATE\s+(?:UNIQUE\s+)?INDEX\s.*?\bON\s+(?:ONLY\s+)?"?(\w+)"?\s*(?:USING\s+\w+\s*)?\(\s*"?(\w+)/is;
const TABLE_FOREIGN_KEY = /\bFOREIGN\s+KEY\s*\(\s*"?(\w+)/i;
const TABLE_KEY = /\b(?:PRIMARY\s+KEY|UNIQUE(?:\s+NULLS\s+NOT\s+DISTINCT)?)\s*\(\s*"?(\w+)/i;
const COLUMN = /^(?:ADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?)?"?(\w+)"?\s/i;

/**
 * Foreign keys without an index that starts with them: without it, each delete in the referenced table scans this one.
 * Reads the SQL, so that it needs no database; test/e2e/migrations.spec.ts checks the migrated schema.
 */
export function foreignKeysWithoutIndex(migrations: MigrationSql[]): string[] {
  const found = migrations.map(({ name, statements }) => ({ name, columns: statements.map(columnsIn) }));
  const indexed = new Set(found.flatMap(({ columns }) => columns.flatMap((one) => one.indexed)));
  return found.flatMap(({ name, columns }) =>
    columns
      .flatMap(({ foreignKeys }) => foreignKeys)
      .filter((key) => !indexed.has(key))
      .map((key) => `${name}: the foreign key ${key} has no index that starts with it. Add one.`),
  );
}

function columnsIn(statement: string): Columns {
  const sql = statement.replaceAll(/--.*$/gm, '').trim();
  const [, ofIndex, indexColumn] = INDEX.exec(sql) ?? [];
  if (ofIndex) return { foreignKeys: [], indexed: [`${ofIndex}.${indexColumn}`] };
  const [head, table] = TABLE.exec(sql) ?? [];
  if (head === undefined) return { foreignKeys: [], indexed: [] };
  const parts = partsOf(sql.slice(head.length));
  const named = (find: (part: string) => string | undefined) =>
    parts.map(find).flatMap((column) => (column ? [`${table}.${column}`] : []));
  return { foreignKeys: named(foreignKeyIn), indexed: named(keyIn) };
}

const foreignKeyIn = (part: string): string | undefined =>
  TABLE_FOREIGN_KEY.exec(part)?.[1] ?? (/\sREFERENCES\s/i.test(part) ? COLUMN.exec(part)?.[1] : undefined);

const keyIn = (part: string): string | undefined =>
  TABLE_KEY.exec(part)?.[1] ??
  (/\s(?:PRIMARY\s+KEY|UNIQUE)\b/i.test(part) && !/^(?:ADD\s+)?CONSTRAINT\b/i.test(part)
    ? COLUMN.exec(part)?.[1]
    : undefined);

/** The columns and constraints of CREATE TABLE, or the actions of ALTER TABLE. */
export function partsOf(text: string): string[] {
  const body = text.trim();
  const inner = body.startsWith('(') ? body.slice(1, body.lastIndexOf(')')) : body;
  const parts = [''];
  let depth = 0;
  for (const character of inner) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}
