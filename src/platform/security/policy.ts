import type { Type } from '@nestjs/common';
import { Brackets, type EntityManager, type FindOptionsWhere, type SelectQueryBuilder } from 'typeorm';
import type { AppError } from '../errors/app-error.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../errors/platform.errors.ts';
import { localize } from '../i18n/locales.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import type { Principal } from './principal.ts';

interface Identified {
  id: string;
}

/**
 * Selects the rows that are related to the caller. A function: the rows of this signed-in caller; true are all, and false
 * none. A condition: the same rows for everybody, anonymous callers included.
 */
type Relation<Row> = FindOptionsWhere<Row> | OfCaller<Row>;
type OfCaller<Row> = (caller: Principal) => FindOptionsWhere<Row> | boolean;

/** `anyone` includes anonymous callers. `admin` is every administrator. */
type BuiltIn = 'anyone' | 'admin';

interface PolicyOptions<Row, Name extends string, Action extends string> {
  relations: Record<Name, Relation<Row>>;
  /** The relations that allow an action. `read` says who sees the resource, in lists too. */
  actions: Record<Action | 'read', readonly (NoInfer<Name> | BuiltIn)[]>;
  /** Rows that do not match don't exist for any caller, for example `{ deletedAt: IsNull() }`. */
  where?: FindOptionsWhere<Row>;
}

/** Who may do what with the rows of one table. The conditions are part of the queries, for lists and for one row. */
class Policy<Row extends Identified, Name extends string, Action extends string> {
  constructor(
    private readonly entity: Type<Row>,
    private readonly options: PolicyOptions<Row, Name, Action>,
  ) {}

  /** Adds the condition to a query: only rows with which the caller may do this. */
  filter(
    rows: SelectQueryBuilder<Row>,
    action: Action | 'read',
    caller: Principal | undefined,
  ): SelectQueryBuilder<Row> {
    const { where, actions } = this.options;
    if (where) rows.andWhere(where);
    const conditions = actions[action].map((name) => this.conditionOf(name, caller));
    if (conditions.includes(true)) return rows;
    const some = conditions.filter((condition) => typeof condition === 'object');
    if (some.length === 0) return rows.andWhere('FALSE');
    return rows.andWhere(
      new Brackets((either) => some.forEach((condition) => either.orWhere(condition as object))),
    );
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

  /** As `get`. Locks the row until the transaction ends. The user’s row must be locked before it (docs/decisions/0033). */
  async lock(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    tx: EntityManager,
  ): Promise<Row> {
    const row = await this.select(action, id, caller, tx).setLock('for_no_key_update').getOne();
    if (!row) throw await this.rejectionOf(action, id, caller, tx);
    return row;
  }

  private select(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    manager: EntityManager,
  ): SelectQueryBuilder<Row> {
    const rows = manager.createQueryBuilder(this.entity, 'resource').where('resource.id = :id', { id });
    return this.filter(rows, action, caller);
  }

  private async rejectionOf(
    action: Action | 'read',
    id: string,
    caller: Principal | undefined,
    manager: EntityManager,
  ): Promise<AppError> {
    const { actions } = this.options;
    // Everyone who may read it may do this too, so a look-up would find nothing.
    const isHidden = actions.read.every((name) => actions[action].includes(name));
    if (isHidden || !(await this.select('read', id, caller, manager).getExists())) return new NotFoundError();
    if (!caller) return new UnauthenticatedError();
    return new ForbiddenError({ detail: localize(platformTexts, (texts) => texts.visibleButForbidden) });
  }

  private conditionOf(name: Name | BuiltIn, caller: Principal | undefined): FindOptionsWhere<Row> | boolean {
    if (name === 'anyone') return true;
    if (name === 'admin') return caller?.roles.includes('admin') ?? false;
    const relation = this.options.relations[name];
    if (isOfCaller(relation)) return caller ? relation(caller) : false;
    return relation as FindOptionsWhere<Row>;
  }
}

const isOfCaller = <Row>(relation: Relation<Row>): relation is OfCaller<Row> =>
  typeof relation === 'function';

/**
 * Defines who may do what with the rows of a table. It belongs to the feature, in `<feature>.policy.ts`. See
 * docs/guides/authorization.md.
 */
export const definePolicy = <Row extends Identified, Name extends string, Action extends string>(
  entity: Type<Row>,
  options: PolicyOptions<Row, Name, Action>,
): Policy<Row, Name, Action> => new Policy(entity, options);
