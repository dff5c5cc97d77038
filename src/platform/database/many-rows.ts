import type { EntityManager, EntityTarget, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';

/** A statement takes at most 65,535 parameters: one per column and row. */
const ROWS_PER_STATEMENT = 500;

/** Inserts any number of rows, in batches. */
export async function insertAll<Entity extends ObjectLiteral>(
  entity: EntityTarget<Entity>,
  rows: QueryDeepPartialEntity<Entity>[],
  tx: EntityManager,
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT)
    await tx.insert(entity, rows.slice(from, from + ROWS_PER_STATEMENT));
}

/**
 * For RETURNING and SELECT in a statement that returns many rows: `users."display_name" AS "displayName", …`. Its rows
 * are plain objects. TypeORM's entities cost several times as much (docs/performance.md).
 */
export function columnsOf(entity: EntityTarget<ObjectLiteral>, { connection }: EntityManager): string {
  const { tableName, columns } = connection.getMetadata(entity);
  return columns
    .map(({ databaseName, propertyName }) => `${tableName}."${databaseName}" AS "${propertyName}"`)
    .join(', ');
}

interface Identified {
  id: string;
}

interface Related<Row> {
  /** The property with the id of the parent. Needs an index on (parent, sort, id). */
  parent: keyof Row & string;
  parentIds: string[];
  /** A property; with a leading minus in descending order. */
  sort: `${'' | '-'}${keyof Row & string}`;
  /** Rows of each parent. */
  limit: number;
}

/** The first rows of each parent in one statement. A parent without rows has an empty array. */
export async function loadRelated<Row extends Identified>(
  rows: SelectQueryBuilder<Row>,
  { parent, parentIds, sort, limit }: Related<Row>,
): Promise<Map<string, Row[]>> {
  const { alias } = rows;
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC';
  const value = `${alias}.${sort.replace('-', '')}`;
  // LATERAL reads only the first rows of each parent. A window function would read all of them.
  const first = rows
    .clone()
    .select(`${alias}.id`, 'id')
    .andWhere(`${alias}.${parent} = parent.id`)
    .orderBy(value, direction)
    .addOrderBy(`${alias}.id`, direction)
    .limit(limit);
  const found = await rows
    .clone()
    .where(
      `${alias}.id IN (
         SELECT first.id FROM unnest(CAST(:parentIds AS uuid[])) AS parent (id)
         CROSS JOIN LATERAL (${first.getQuery()}) AS first)`,
      { ...first.getParameters(), parentIds },
    )
    .orderBy(value, direction)
    .addOrderBy(`${alias}.id`, direction)
    .getMany();
  const byParent = new Map(parentIds.map((id): [string, Row[]] => [id, []]));
  for (const row of found) byParent.get(String(row[parent]))!.push(row);
  return byParent;
}

/** The number of rows of each parent in one statement. */
export async function countRelated<Row extends Identified>(
  rows: SelectQueryBuilder<Row>,
  parent: keyof Row & string,
  parentIds: string[],
): Promise<Map<string, number>> {
  const column = `${rows.alias}.${parent}`;
  const counts = await rows
    .clone()
    .select(column, 'id')
    .addSelect('count(*)::int', 'count')
    .andWhere(`${column} = ANY (CAST(:parentIds AS uuid[]))`, { parentIds })
    .groupBy(column)
    .getRawMany<{ id: string; count: number }>();
  const byParent = new Map(parentIds.map((id): [string, number] => [id, 0]));
  for (const { id, count } of counts) byParent.set(id, count);
  return byParent;
}
