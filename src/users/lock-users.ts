import type { EntityManager, QueryRunner } from 'typeorm';
import type { User } from './user.entity.ts';

/**
 * Locks the rows of users before any other row that the transaction changes
 * (docs/decisions/0033-lock-order-and-retries.md). Sorted, so that two callers can't deadlock. NO KEY lets other
 * transactions insert rows that refer to the users. Resolves to the users that are not deleted.
 */
export async function lockUsers(
  ids: string[],
  tx: EntityManager,
): Promise<Pick<User, 'id' | 'email' | 'role' | 'status'>[]> {
  const users = await tx.query<Pick<User, 'id' | 'email' | 'role' | 'status'>[]>(
    `SELECT id, email, role, status FROM users WHERE id = ANY($1) AND deleted_at IS NULL
     ORDER BY id FOR NO KEY UPDATE`,
    [[...new Set(ids)]],
  );
  users.forEach(({ id }) => rememberLock(id, tx));
  return users;
}

/** The users that each transaction has locked. A rollback to a savepoint may release such a lock early. */
const locked = new WeakMap<QueryRunner, Set<string>>();

/** Call it after a statement that has changed the row of the user, and so has locked it. */
export function rememberLock(id: string, { queryRunner }: EntityManager): void {
  if (!queryRunner?.isTransactionActive) return;
  const ids = locked.get(queryRunner) ?? new Set();
  locked.set(queryRunner, ids.add(id));
}

/** Locks the users that the transaction has not locked yet. Sends no statement if there are none. */
export async function lockUsersOnce(ids: string[], tx: EntityManager): Promise<void> {
  const known = tx.queryRunner && locked.get(tx.queryRunner);
  if (!ids.every((id) => known?.has(id))) await lockUsers(ids, tx);
}
