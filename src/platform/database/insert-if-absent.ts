import type { EntityManager, EntityTarget } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { UnavailableError } from '../errors/platform.errors.ts';

interface Identified {
  id: string;
}

/** The existing row may be deleted or lose its key between the insert and the look-up. */
const ATTEMPTS_MAX = 5;

/**
 * Inserts the row, or returns the one that has its unique key. The constraint decides between parallel calls: the later
 * one waits until the first commits or rolls back. `find` reads the row with that key, new or not, and may lock it.
 */
export async function insertIfAbsent<Row extends Identified>(
  entity: EntityTarget<Row>,
  values: QueryDeepPartialEntity<Row>,
  find: () => Promise<Row | null>,
  tx: EntityManager,
): Promise<{ row: Row; isNew: boolean }> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const { raw } = await tx
      .createQueryBuilder()
      .insert()
      .into(entity)
      .values(values)
      .orIgnore()
      .returning('id')
      .updateEntity(false)
      .execute();
    const isNew = (raw as Identified[]).length > 0;
    const row = await find();
    if (row) return { row, isNew };
    if (isNew) throw new Error('`find` does not return the row that was inserted');
  }
  throw new UnavailableError({ headers: { 'retry-after': '1' } });
}
