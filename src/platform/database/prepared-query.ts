import type { EntityManager, ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** Runs a prepared query with the values of its parameters. */
export type PreparedQuery<Row> = (values: Record<string, unknown>, tx: EntityManager) => Promise<Row[]>;

/**
 * Builds the SQL of a query once. TypeORM builds it again at each call, which costs more than a simple statement
 * (docs/performance.md). The rows are those of `getRawMany()`.
 */
export function prepareQuery<Row>(
  query: SelectQueryBuilder<ObjectLiteral>,
  parameters: string[],
): PreparedQuery<Row> {
  // Each parameter gets its name as its value, so that the returned values show its position.
  query.setParameters(Object.fromEntries(parameters.map((name) => [name, name])));
  const [statement, names] = query.getQueryAndParameters() as [string, string[]];
  return (values, tx) =>
    tx.query(
      statement,
      names.map((name) => values[name]),
    );
}
