import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { TransactionCommitEvent } from 'typeorm/subscriber/event/TransactionCommitEvent.js';

/**
 * Runs an effect after the transaction has committed, and drops it when the transaction rolls back. An item that was
 * added inside a rolled-back savepoint is kept: the effect must be harmless without its row.
 */
export class AfterCommit<Item> implements EntitySubscriberInterface {
  private readonly uncommitted = new WeakMap<QueryRunner, Item[]>();

  /** `effect` gets all items of a transaction in one call. Nothing awaits it, so it must catch its own errors. */
  constructor(
    db: DataSource,
    private readonly effect: (items: Item[]) => void,
  ) {
    db.subscribers.push(this);
  }

  add(tx: EntityManager, item: Item): void {
    if (!tx.queryRunner?.isTransactionActive) throw new Error('AfterCommit.add() needs an open transaction');
    const items = this.uncommitted.get(tx.queryRunner);
    if (items) items.push(item);
    else this.uncommitted.set(tx.queryRunner, [item]);
  }

  afterTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    // TypeORM also calls this when a savepoint is released, while the transaction is still open.
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
