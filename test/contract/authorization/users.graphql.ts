import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { account } from './users.ts';

const NO = 'UNAUTHENTICATED';

export const rows: Record<string, FieldRule> = {
  me: fieldRule([NO, 'ok', 'ok', 'ok'], '{ me { id } }'),
  user: fieldRule([NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'], 'query ($id: ID!) { user(id: $id) { id } }', account),
  users: fieldRule([NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'], '{ users { edges { node { id } } } }'),
  updateMe: fieldRule([NO, 'ok', 'ok', 'ok'], 'mutation { updateMe(input: { displayName: "New" }) { id } }'),
};
