import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { TransactionCommitEvent } from 'typeorm/subscriber/event/TransactionCommitEvent.js';

/**
 * Keeps what is to follow a transaction until that has committed, and forgets it when it rolls back. What a savepoint
 * took back still follows: the effect must be harmless without its row.
 */
export class AfterCommit<Item> implements EntitySubscriberInterface {
  private readonly uncommitted = new WeakMap<QueryRunner, Item[]>();

  /** `effect` is given all items of a transaction at once. Nothing waits for it, so it must catch its own errors. */
  constructor(
    db: DataSource,
    private readonly effect: (items: Item[]) => void,
  ) {
    db.subscribers.push(this);
  }

  add(tx: EntityManager, item: Item): void {
    if (!tx.queryRunner?.isTransactionActive) throw new Error('This must happen inside a transaction');
    const items = this.uncommitted.get(tx.queryRunner);
    if (items) items.push(item);
    else this.uncommitted.set(tx.queryRunner, [item]);
  }

  afterTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    // Also called when a savepoint is released, while the transaction itself is still open.
    if (queryRunner.isTransactionActive) return;
    const items = this.uncommitted.get(queryRunner);
    if (!items) return;
    this.uncommitted.delete(queryRunner);
    this.effect(items);
  }

  afterTransactionRollback({ queryRunner }: { queryRunner: QueryRunner }): void {
    if (!queryRunner.isTransactionActive) this.uncommitted.delete(queryRunner);
  }
}
