import type { EntityManager } from 'typeorm';
import type { User } from './user.entity.ts';

/**
 * Locks the rows of users before any other row that the transaction changes
 * (docs/decisions/0033-lock-order-and-retries.md). Sorted, so that two callers can't deadlock. NO KEY lets other
 * transactions insert rows that refer to the users. Resolves to the users that are not deleted.
 */
export function lockUsers(
  ids: string[],
  tx: EntityManager,
): Promise<Pick<User, 'id' | 'email' | 'role' | 'status'>[]> {
  return tx.query(
    `SELECT id, email, role, status FROM users WHERE id = ANY($1) AND deleted_at IS NULL
     ORDER BY id FOR NO KEY UPDATE`,
    [[...new Set(ids)]],
  );
}
