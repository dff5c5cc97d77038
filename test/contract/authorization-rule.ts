import { Permissions, Roles } from '../../src/platform/security/permissions.ts';
import type { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

/** `other` is another user. A resource in the path belongs to the owner. */
export const callers = ['anonymous', 'other', 'owner', 'admin'] as const;
export type Caller = (typeof callers)[number];

/** An id, or a value for each path parameter and for the body: `{ id, commentId }`. */
type Values = string | Record<string, string>;

/** Creates the resource that the path or the body names. */
export type Thing = (app: TestApp, owner: SignedIn) => Promise<Values>;

/** Signs in a user with a relation to the resource, such as a member. `values` is the result of its `Thing`. */
export type Related = (app: TestApp, values: Values, owner: SignedIn) => Promise<SignedIn>;

/** A permission that changes the outcome. A caller who has it gets the outcome of `admin`. */
export interface Permitted<Outcome> {
  permission?: string;
  /** The outcome of a caller who has every other permission. Default: 403 or `FORBIDDEN`. */
  without?: Outcome;
}

export interface Rule extends Permitted<number> {
  expected: Record<Caller, number>;
  /** Creates a resource of the owner for the path or the body, for each call. */
  of?: Thing;
  /** Other relations to the resource, by name. */
  also?: Record<string, { as: Related; status: number }>;
  /**
   * A valid body, except for secrets that no caller has. A function gets the result of `of`:
   * `(fileId) => ({ fileId })`, or `({ customerId }) => ({ customerId, amount: 12 })`.
   */
  body?: object | string | ((values: never) => object);
  headers?: Record<string, string>;
  /** Needs no access token, although anonymous callers get 401: their password or refresh token is wrong. */
  isPublic?: boolean;
  /** The response is a stream without an end, so only its status is checked. */
  isEndless?: boolean;
}

/** Response statuses in the order of `callers`. */
export type Statuses = [anonymous: number, other: number, owner: number, admin: number];

export const rule = ([anonymous, other, owner, admin]: Statuses, more: Partial<Rule> = {}): Rule => ({
  expected: { anonymous, other, owner, admin },
  ...more,
});

/** The body of a row for the values that its `of` returned. */
export const bodyOf = ({ body }: Partial<Rule>, values: Values | undefined): object | string | undefined =>
  typeof body === 'function' ? (body as (values: Values | undefined) => object)(values) : body;

export type Users = Record<Exclude<Caller, 'anonymous'>, SignedIn>;

export async function createUsers(app: TestApp): Promise<Users> {
  const [other, owner, admin] = await Promise.all([
    signedIn(app),
    signedIn(app),
    signedIn(app, { role: 'admin' }),
  ]);
  return { other, owner, admin };
}

const onlyRole = (permission: string) => `only-${permission.replace(':', '-')}`;
const otherRole = (permission: string) => `not-${permission.replace(':', '-')}`;

/** For each permission, a role that has only this one, and a role that has all others. */
export function defineRoles(app: TestApp): void {
  const permissions = app.api.get(Permissions).all();
  const roles = permissions.flatMap((permission) => [
    { name: onlyRole(permission.name), permissions: [permission] },
    { name: otherRole(permission.name), permissions: permissions.filter((one) => one !== permission) },
  ]);
  app.api.get(Roles).add(roles);
}

/** Two users: one has only this permission, and the other one has all others. */
export async function usersOf(permission: string, app: TestApp) {
  const [holder, lacking] = await Promise.all([
    signedIn(app, { role: onlyRole(permission) }),
    signedIn(app, { role: otherRole(permission) }),
  ]);
  return { holder, lacking };
}
