import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { type EntityManager, In, IsNull, Not, type Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { Config } from '../platform/config/config.ts';
import { insertIfAbsent } from '../platform/database/insert-if-absent.ts';
import { columnsOf } from '../platform/database/many-rows.ts';
import {
  ForbiddenError,
  NotFoundError,
  PreconditionFailedError,
  ValidationFailedError,
} from '../platform/errors/platform.errors.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { platformTexts } from '../platform/i18n/platform.texts.ts';
import { currentContext, translate } from '../platform/logging/request-context.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import { TextSearch } from '../platform/pagination/text-search.ts';
import { ReadReplica } from '../platform/replica/read-replica.module.ts';
import { Roles } from '../platform/security/permissions.ts';
import type { Principal } from '../platform/security/principal.ts';
import { rememberLock } from './lock-users.ts';
import { User } from './user.entity.ts';
import { roleChanged, statusChanged } from './users.audit.ts';
import { LastAdminError, RoleExceedsYoursError } from './users.errors.ts';
import { userCreated, userDeleted, userRoleChanged, userSuspended, userUpdated } from './users.events.ts';
import { usersChangeRole } from './users.permissions.ts';
import { type UpdateMe, type UpdateUser, type UsersQuery, avatarUrlOf, userView } from './users.schemas.ts';

/** The index is `users_search_idx`. */
const search = new TextSearch([{ text: 'lower(user.displayName)', weight: 'A' }, { text: 'user.email' }]);
const matchSorts = search.sorts({
  createdAt: { value: 'user.createdAt', nullable: false },
  email: { value: 'user.email', nullable: false },
});
/** Without a search, the newest are the most relevant. */
const listSorts = { relevance: { value: 'user.createdAt', nullable: false } };

export type NewUser = Pick<User, 'email' | 'passwordHash' | 'displayName'> &
  Partial<Pick<User, 'role' | 'status' | 'emailVerifiedAt'>>;

/** `expectedVersion` is left out if the client sent no `If-Match`. */
interface Version {
  id: string;
  expectedVersion?: number | undefined;
}

/** The role that can do everything, so the last account with it must stay. */
const ADMIN = 'admin';

@Injectable()
export class UsersService {
  private readonly columns: string;
  private readonly select: string;

  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly audit: AuditService,
    private readonly paginator: Paginator,
    private readonly events: DomainEvents,
    private readonly config: Config,
    private readonly roles: Roles,
    private readonly replica: ReadReplica,
  ) {
    this.columns = columnsOf(User, users.manager);
    this.select = `SELECT ${this.columns} FROM users`;
  }

  /** The account as its owner and administrators see it. */
  view(user: User) {
    return { ...userView(user), avatarUrl: avatarUrlOf(user, this.config.PUBLIC_URL) };
  }

  async find(id: string, tx: EntityManager = this.users.manager): Promise<User | null> {
    const [user] = await tx.query<User[]>(`${this.select} WHERE id = $1 AND deleted_at IS NULL`, [id]);
    return user ?? null;
  }

  findMany(ids: string[]): Promise<User[]> {
    return this.users.findBy({ id: In(ids), deletedAt: IsNull() });
  }

  async findByEmail(email: string): Promise<User | null> {
    const [user] = await this.users.query<User[]>(`${this.select} WHERE email = $1`, [email]);
    return user ?? null;
  }

  async findForUpdate(id: string, tx: EntityManager): Promise<User | null> {
    const where = 'WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE';
    const [user] = await tx.query<User[]>(`${this.select} ${where}`, [id]);
    if (user) rememberLock(id, tx);
    return user ?? null;
  }

  /** Locks the row until the transaction ends, so that decisions about the account run one at a time. */
  findByEmailForUpdate(email: string, tx: EntityManager): Promise<User | null> {
    return tx.findOne(User, { where: { email }, lock: { mode: 'for_no_key_update' } });
  }

  async get(id: string): Promise<User> {
    const user = await this.find(id);
    if (!user) throw new NotFoundError();
    return user;
  }

  async list({ status, role, email, q, ...page }: UsersQuery) {
    const rows = this.replica
      .selectReader()
      .getRepository(User)
      .createQueryBuilder('user')
      .where({ deletedAt: IsNull(), ...(status && { status }), ...(role && { role }) });
    if (email) rows.andWhere(`user.email LIKE :prefix`, { prefix: `${escapeLike(email)}%` });
    if (q) await search.filter(rows, q);
    const filters = { status, role, email, q };
    return this.paginator.page(rows, { list: 'users', page, filters, sorts: q ? matchSorts : listSorts });
  }

  /**
   * Creates the account unless the email has one: the unique constraint decides. In both cases the caller's
   * transaction has locked the row. A new account has the language of the current request.
   */
  async createUnlessTaken(newUser: NewUser, tx: EntityManager): Promise<{ user: User; isNew: boolean }> {
    const values = { id: randomUUIDv7(), locale: currentContext()?.locale ?? null, ...newUser };
    const find = () => this.findByEmailForUpdate(newUser.email, tx);
    const { row: user, isNew } = await insertIfAbsent(User, values, find, tx);
    if (isNew) await this.events.emit(userCreated, { userId: user.id, data: this.view(user) }, tx);
    return { user, isNew };
  }

  updateMe(id: string, changes: UpdateMe, expectedVersion: number | undefined): Promise<User> {
    return this.users.manager.transaction((tx) => this.change({ id, expectedVersion }, changes, tx));
  }

  async updateByAdmin(
    { id, expectedVersion }: Version,
    changes: UpdateUser,
    caller: Principal,
  ): Promise<User> {
    const { role, status } = changes;
    if (role !== undefined) assertDefined(role, this.roles);
    return this.users.manager.transaction(async (tx) => {
      const losesAdmin = (role ?? ADMIN) !== ADMIN || status === 'suspended';
      const before = losesAdmin ? await this.lockUnlessLastAdmin(id, tx) : await this.findForUpdate(id, tx);
      if (!before) throw new NotFoundError();
      this.assertMayChange(before.role, role, caller);
      const changed = await this.change({ id, expectedVersion }, changes, tx);
      await this.recordAdminChange(before, changed, tx);
      return changed;
    });
  }

  /** Otherwise a role with few permissions could give itself others, or suspend the administrators. */
  private assertMayChange(from: string, to: string | undefined, caller: Principal): void {
    if (!this.roles.includes(caller.role, from)) throw new RoleExceedsYoursError();
    if (to === undefined || to === from) return;
    if (!caller.permissions.has(usersChangeRole)) throw new ForbiddenError();
    if (!this.roles.includes(caller.role, to)) throw new RoleExceedsYoursError();
  }

  /** Locks the rows in one order, so that two callers can't deadlock. */
  lockAll(ids: string[], tx: EntityManager): Promise<User[]> {
    return tx.find(User, {
      where: { id: In(ids), deletedAt: IsNull() },
      order: { id: 'ASC' },
      lock: { mode: 'for_no_key_update' },
    });
  }

  /** Deletes an account that was registered but never verified. Others stay, and so do imported ones. */
  async deleteUnverified(id: string, tx: EntityManager): Promise<void> {
    const { affected } = await tx.delete(User, {
      id,
      emailVerifiedAt: IsNull(),
      passwordHash: Not(IsNull()),
      importedByJobId: IsNull(),
    });
    if (affected) await this.events.emit(userDeleted, { userId: id, data: { id } }, tx);
  }

  /** Replaces the hash of the same password. False if the password has changed since. */
  async replacePasswordHash({ id, passwordHash }: User, renewed: string): Promise<boolean> {
    const where = { id, passwordHash: passwordHash ?? IsNull() };
    const { affected } = await this.users
      .createQueryBuilder()
      .update()
      .set({ passwordHash: renewed, updatedAt: () => 'updated_at' })
      .where(where)
      .execute();
    return affected === 1;
  }

  /** Locks the user's row. Throws LAST_ADMIN if no active admin would be left without this user. */
  async lockUnlessLastAdmin(id: string, tx: EntityManager): Promise<User | null> {
    // Read before the lock, because the rows of all admins are locked in one order. Ordinary users lock only their own row.
    const isAdmin = await tx.existsBy(User, { id, role: ADMIN });
    if (isAdmin) await assertOtherAdmin(id, tx);
    const user = await this.findForUpdate(id, tx);
    // The user became an admin between the two statements.
    if (user?.role === ADMIN && !isAdmin) await assertOtherAdmin(id, tx);
    return user;
  }

  /** Removes all personal data from the row and disables sign-in. */
  async anonymise(id: string, tx: EntityManager): Promise<void> {
    const anonymous = {
      // Random, not derived from the id: others know the id, and could register the email first.
      email: `${randomUUID()}@deleted.invalid`,
      displayName: 'Deleted user',
      passwordHash: null,
      avatarFileId: null,
      emailVerifiedAt: null,
      deletedAt: new Date(),
    };
    const { affected } = await tx.update(
      User,
      { id, deletedAt: IsNull() },
      { ...anonymous, version: () => 'version + 1' },
    );
    if (!affected) throw new NotFoundError();
    await this.events.emit(userDeleted, { userId: id, data: { id } }, tx);
  }

  private async recordAdminChange(before: User, after: User, tx: EntityManager): Promise<void> {
    const userId = after.id;
    if (before.role !== after.role) {
      await this.audit.record({ type: roleChanged, userId, data: { from: before.role, to: after.role } }, tx);
      const data = { id: userId, from: before.role, to: after.role };
      await this.events.emit(userRoleChanged, { userId, data }, tx);
    }
    if (before.status !== after.status) {
      await this.audit.record(
        { type: statusChanged, userId, data: { from: before.status, to: after.status } },
        tx,
      );
      if (after.status === 'suspended') {
        await this.events.emit(userSuspended, { userId, data: { id: userId } }, tx);
      }
    }
  }

  /** Applies the changes if the version matches. Without a version, always applies them. */
  async change(
    { id, expectedVersion }: Version,
    changes: Partial<
      Pick<
        User,
        | 'email'
        | 'displayName'
        | 'locale'
        | 'role'
        | 'status'
        | 'emailVerifiedAt'
        | 'passwordHash'
        | 'avatarFileId'
      >
    >,
    tx: EntityManager,
  ): Promise<User> {
    const values = Object.entries(changes).filter(([, value]) => value !== undefined);
    const assignments = values.map(([property], index) => `${this.columnOf(property)} = $${index + 3}`);
    const [[user]] = await tx.query<[User[], number]>(
      `UPDATE users SET ${[...assignments, 'version = version + 1', 'updated_at = now()'].join(', ')}
       WHERE id = $1 AND deleted_at IS NULL AND version = coalesce($2::int, version) RETURNING ${this.columns}`,
      [id, expectedVersion, ...values.map(([, value]) => value)],
    );
    if (!user) throw (await this.find(id, tx)) ? new PreconditionFailedError() : new NotFoundError();
    rememberLock(id, tx);
    if (Object.keys(changes).some(isShown)) {
      await this.events.emit(userUpdated, { userId: id, data: this.view(user) }, tx);
    }
    return user;
  }

  private columnOf(property: string): string {
    return this.users.metadata.findColumnWithPropertyName(property)!.databaseName;
  }
}

/** A new password alone emits no event. */
const isShown = (property: string): boolean => property !== 'passwordHash';

/** Locks all admins in one order, so that two admins can't demote each other at the same time. */
async function assertOtherAdmin(id: string, tx: EntityManager): Promise<void> {
  const admins = await tx.query<{ id: string }[]>(
    `SELECT id FROM users WHERE role = 'admin' AND status = 'active' AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE`,
  );
  if (admins.length === 1 && admins[0]?.id === id) throw new LastAdminError();
}

function assertDefined(role: string, roles: Roles): void {
  if (roles.find(role)) return;
  const message = translate(platformTexts).expectedOneOf(roles.keys().toSorted());
  throw new ValidationFailedError({ details: [{ path: 'role', code: 'INVALID_VALUE', message }] });
}

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
