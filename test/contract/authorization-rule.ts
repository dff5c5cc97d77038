import type { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

/** `other` is another user. A resource in the path belongs to the owner. */
export const callers = ['anonymous', 'other', 'owner', 'admin'] as const;
export type Caller = (typeof callers)[number];

/** Creates what the path names. Returns its id, or a value for each path parameter: `{ id, commentId }`. */
export type Thing = (app: TestApp, owner: SignedIn) => Promise<string | Record<string, string>>;

/** Signs in a user with a relation to the thing, such as a member. `values` is what the thing returned. */
export type Related = (
  app: TestApp,
  values: string | Record<string, string>,
  owner: SignedIn,
) => Promise<SignedIn>;

export interface Rule {
  expected: Record<Caller, number>;
  /** Creates a resource of the owner for the path, for each call. */
  of?: Thing;
  /** Other relations to the resource, by name. */
  also?: Record<string, { as: Related; status: number }>;
  /** A valid body, except for secrets that no caller has. */
  body?: object | string;
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

export type Users = Record<Exclude<Caller, 'anonymous'>, SignedIn>;

export async function createUsers(app: TestApp): Promise<Users> {
  const [other, owner, admin] = await Promise.all([
    signedIn(app),
    signedIn(app),
    signedIn(app, { role: 'admin' }),
  ]);
  return { other, owner, admin };
}
