import type { Type } from '@nestjs/common';
import {
  Brackets,
  type EntityManager,
  FindOperator,
  type FindOptionsWhere,
  type SelectQueryBuilder,
} from 'typeorm';
import type { AppError } from '../errors/app-error.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../errors/platform.errors.ts';
import { localize } from '../i18n/locales.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import type { Permission } from './permissions.ts';
import type { Principal } from './principal.ts';

interface Identified {
  id: string;
}

/**
 * Selects the rows that are related to the caller. A function returns the condition for a signed-in caller, or true for
 * all rows and false for none. A condition selects the same rows for all callers, including anonymous ones.
 */
type Relation<Row> = FindOptionsWhere<Row> | OfCaller<Row>;
type OfCaller<Row> = (caller: Principal) => FindOptionsWhere<Row> | boolean;

/** `anyone` includes anonymous callers. A permission allows the action with every row. */
type BuiltIn = 'anyone' | Permission;

interface PolicyOptions<Row, Name extends string, Action extends string> {
  relations: Record<Name, Relation<Row>>;
  /** The relations and permissions that allow an action. `read` says who sees the resource, in lists too. */
  actions: Record<Action | 'read', readonly (NoInfer<Name> | BuiltIn)[]>;
  /** Rows that do not match don't exist for any caller, for example `{ deletedAt: IsNull() }`. */
  where?: FindOptionsWhere<Row>;
}

/** Who may do what with the rows of one table. The conditions are part of the queries, for lists and for one row. */
class Policy<Row extends Identified, Name extends string, Action extends string> {
  constructor(
    private readonly entity: Type<Row>,
    private readonly options: PolicyOptions<Row, Name, Action>,
  ) {
    const { relations, where } = options;
    const fixed = Object.entries(relations).filter(([, relation]) => typeof relation === 'object');
    for (const [name, condition] of fixed) assertSelective(condition as object, `The relation ${name}`);
    if (where) assertSelective(where, 'where');
  }

  /**
   * Restricts a query to the rows on which the caller may perform the action. Encloses the earlier conditions in
   * brackets, so that an OR can't bypass the restriction. Afterwards, add conditions with `andWhere` only.
   */
  filter(
    rows: SelectQueryBuilder<Row>,
    action: Action | 'read',
    caller: Principal | undefined,
  ): SelectQueryBuilder<Row> {
    const { where, actions } = this.options;
    const conditions = actions[action].map((name) => this.conditionOf(name, caller));
    const some = conditions.filter((condition) => typeof condition === 'object');
    assertOwnParameters(rows, where ? [where, ...some] : some);
    encloseConditions(rows);
    if (where) rows.andWhere(where);
    if (conditions.includes(true)) return rows;
    if (some.length === 0) return rows.andWhere('FALSE');
    return rows.andWhere(new Brackets((either) => some.forEach((condition) => either.orWhere(condition))));
  }

  /** The row. Throws 404 if it is hidden from the caller, and 403 if the caller sees it but may not do this. */
  async get(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    manager: EntityManager,
  ): Promise<Row> {
    const row = await this.select(action, id, caller, manager).getOne();
    if (!row) throw await this.rejectionOf(action, id, caller, manager);
    return row;
  }

  /**
   * As `get`. Locks the row until the transaction ends. A transaction that also changes the account, for example notifies
   * the user, locks the user’s row before (docs/decisions/0033).
   */
  async lock(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    tx: EntityManager,
  ): Promise<Row> {
    const rows = this.select(action, id, caller, tx).select('resource.id').setLock('for_no_key_update');
    if (!(await rows.getOne())) throw await this.rejectionOf(action, id, caller, tx);
    // Check again: a statement that waits for a lock doesn't see commits to other tables during the wait.
    return this.get(action, id, caller, tx);
  }

  private select(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    manager: EntityManager,
  ): SelectQueryBuilder<Row> {
    const rows = manager.createQueryBuilder(this.entity, 'resource').where({ id });
    return this.filter(rows, action, caller);
  }

  private async rejectionOf(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    manager: EntityManager,
  ): Promise<AppError> {
    const { actions } = this.options;
    // Every caller who may read the row may also do this, so a look-up would find nothing.
    const isHidden = actions.read.every((name) => actions[action].includes(name));
    if (isHidden || !(await this.select('read', id, caller, manager).getExists())) return new NotFoundError();
    if (!caller) return new UnauthenticatedError();
    return new ForbiddenError({ detail: localize(platformTexts, (texts) => texts.visibleButForbidden) });
  }

  private conditionOf(name: Name | BuiltIn, caller: Principal | undefined): FindOptionsWhere<Row> | boolean {
    if (name === 'anyone') return true;
    if (typeof name === 'object') return caller?.permissions.has(name) ?? false;
    const relation = this.options.relations[name];
    if (!isOfCaller(relation)) return relation as FindOptionsWhere<Row>;
    const condition = caller ? relation(caller) : false;
    if (typeof condition === 'object') assertSelective(condition, `The relation ${name}`);
    return condition;
  }
}

const isOfCaller = <Row>(relation: Relation<Row>): relation is OfCaller<Row> =>
  typeof relation === 'function';

/** For TypeORM, an empty condition selects all rows, and null does not mean IS NULL. */
function assertSelective(condition: object | null, name: string): void {
  const values = Object.values(condition ?? {}) as unknown[];
  if (values.length === 0 || Array.isArray(condition))
    throw new Error(`${name} has an empty condition, which selects all rows: return true or false instead`);
  for (const value of values) {
    if (value === undefined || value === null)
      throw new Error(`${name} compares with ${value}: use IsNull(), or return false for no rows`);
    if (isPlain(value)) assertSelective(value, name);
  }
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);

/** Two parameters with one name would both have the later value. */
function assertOwnParameters<Row extends Identified>(
  rows: SelectQueryBuilder<Row>,
  conditions: FindOptionsWhere<Row>[],
): void {
  const values = new Map(Object.entries(rows.getParameters()));
  for (const [name, value] of conditions.flatMap(parametersOf)) {
    if (values.has(name) && values.get(name) !== value)
      throw new Error(`Two conditions have a parameter ${name} with other values: give one another name`);
    values.set(name, value);
  }
}

function parametersOf(value: unknown): [name: string, value: unknown][] {
  if (!(value instanceof FindOperator))
    return isPlain(value) ? Object.values(value).flatMap(parametersOf) : [];
  if (value.child) return parametersOf(value.child);
  return [...Object.entries(value.objectLiteralParameters ?? {}), ...parametersOf(value.value)];
}

/** Otherwise `a OR b` of the query would be `a OR b AND condition`, which doesn't restrict a. */
function encloseConditions<Row extends Identified>({ expressionMap }: SelectQueryBuilder<Row>): void {
  if (expressionMap.wheres.length === 0) return;
  const condition = { operator: 'brackets' as const, condition: expressionMap.wheres };
  expressionMap.wheres = [{ type: 'simple', condition }];
}

/**
 * Defines who may do what with the rows of a table. It belongs to the feature, in `<feature>.policy.ts`. See
 * docs/guides/authorization.md.
 */
export const definePolicy = <Row extends Identified, Name extends string, Action extends string>(
  entity: Type<Row>,
  options: PolicyOptions<Row, Name, Action>,
): Policy<Row, Name, Action> => new Policy(entity, options);
