import type { ObjectLiteral, Repository } from 'typeorm';

/**
 * The columns of an entity for SELECT and RETURNING, named as its properties: `"email_verified_at" AS "emailVerifiedAt"`.
 * For statements of the busiest routes: TypeORM builds the statement at each call, which costs more than the query itself
 * (docs/performance.md). The rows are plain objects. Entities with column transformers need TypeORM.
 */
export const columnsOf = <Entity extends ObjectLiteral>({ metadata }: Repository<Entity>): string =>
  metadata.columns
    .map(({ databaseName, propertyName }) => `"${databaseName}" AS "${propertyName}"`)
    .join(', ');
