import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { account } from './users.ts';

const NO = 'UNAUTHENTICATED';

export const rows: Record<string, FieldRule> = {
  me: fieldRule([NO, 'ok', 'ok', 'ok'], '{ me { id } }'),
  user: fieldRule(
    [NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'],
    'query ($id: ID!) { user(id: $id) { id } }',
    account,
    { permission: 'users:read' },
  ),
  users: fieldRule([NO, 'FORBIDDEN', 'FORBIDDEN', 'ok'], '{ users { edges { node { id } } } }', undefined, {
    permission: 'users:read',
  }),
  updateMe: fieldRule([NO, 'ok', 'ok', 'ok'], 'mutation { updateMe(input: { displayName: "New" }) { id } }'),
};
