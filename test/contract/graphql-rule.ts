import type { Caller, Permitted, Thing } from './authorization-rule.ts';

/** One row of the GraphQL matrix: the outcome of a root field, `ok` or an error code. */
export interface FieldRule extends Permitted<string> {
  expected: Record<Caller, string>;
  operation: string;
  /** Creates a resource of the owner. Its id is the variable `$id`. Several values are variables with their names. */
  of?: Thing;
}

export type Outcomes = [anonymous: string, other: string, owner: string, admin: string];

export const fieldRule = (
  [anonymous, other, owner, admin]: Outcomes,
  operation: string,
  of?: Thing,
  permitted: Permitted<string> = {},
): FieldRule => ({
  expected: { anonymous, other, owner, admin },
  operation,
  ...(of && { of }),
  ...permitted,
});
