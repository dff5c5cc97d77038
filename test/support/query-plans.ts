import type { DataSource, Logger } from 'typeorm';

/** A statement that an application sent, with the parameters of one call. */
export interface Statement {
  text: string;
  parameters: unknown[];
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

const ROWS_MAX = 1_000;
const EXPLAINABLE = /^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b/i;

/** Starts recording each statement of the data source once. */
export function recordStatements(db: DataSource): Map<string, Statement> {
  const statements = new Map<string, Statement>();
  const ignore = () => undefined;
  const logger: Logger = {
    logQuery: (text, parameters) => {
      if (!statements.has(text)) statements.set(text, { text, parameters: (parameters as unknown[]) ?? [] });
    },
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
  db.logger = logger;
  return statements;
}

/** Returns the parts of the query plan whose cost grows with the number of rows. Read-only. */
export async function findSlowNodes(
  db: DataSource,
  statement: Statement,
  largeTables: Set<string>,
): Promise<string[]> {
  const plan = await planOf(db, statement);
  if (!plan) return [];
  const slow = nodesOf(plan).flatMap((node) => faultsOf(node, largeTables));
  return slow.map((fault) => `${fault}: ${statement.text.replaceAll(/\s+/g, ' ').slice(0, 600)}`);
}

/** The blocks of 8 KB that a statement reads, from memory or from the disk. Throws if it has no plan. Read-only. */
export async function countBlocks(db: DataSource, statement: Statement): Promise<number> {
  const plan = await planOf(db, statement);
  if (!plan) throw new Error(`No plan: ${statement.text}`);
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
}

async function planOf(db: DataSource, { text, parameters }: Statement): Promise<PlanNode | null> {
  if (!EXPLAINABLE.test(text)) return null;
  const runner = db.createQueryRunner();
  await runner.startTransaction();
  try {
    const [row] = (await runner.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, parameters)) as [
      { 'QUERY PLAN': [{ Plan: PlanNode }] },
    ];
    return row['QUERY PLAN'][0].Plan;
  } catch (error) {
    // The statement conflicts with an earlier change, such as a unique key that now exists.
    if (/duplicate key|append-only|foreign key/.test((error as Error).message)) return null;
    throw new Error(`Can't explain ${text}`, { cause: error });
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

function faultsOf(node: PlanNode, largeTables: Set<string>): string[] {
  const table = node['Relation Name'] ?? '';
  const loops = node['Actual Loops'];
  const removed =
    ((node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0)) * loops;
  const rows = node['Actual Rows'] * loops;
  const faults: string[] = [];
  if (node['Node Type'] === 'Seq Scan' && largeTables.has(table)) faults.push(`Seq Scan of ${table}`);
  if (removed > ROWS_MAX) faults.push(`${node['Node Type']} ${table} filters ${removed} rows`);
  if (rows > 10 * ROWS_MAX) faults.push(`${node['Node Type']} ${table} reads ${rows} rows`);
  return faults;
}
