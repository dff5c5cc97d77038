import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
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
