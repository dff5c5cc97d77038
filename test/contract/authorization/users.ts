import { rule, type Rule, type Thing } from '../authorization-rule.ts';

export const account: Thing = async (_app, owner) => owner.user.id;

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  getMyPermissions: rule([401, 200, 200, 200]),
  getMe: rule([401, 200, 200, 200]),
  updateMe: rule([401, 200, 200, 200], { body: { displayName: 'New' } }),
  deleteMe: rule([401, 204, 204, 204]),
  listUsers: rule([401, 403, 403, 200], { permission: 'users:read' }),
  getUser: rule([401, 403, 403, 200], { of: account, permission: 'users:read' }),
  updateUser: rule([401, 403, 403, 200], {
    of: account,
    body: { status: 'suspended' },
    permission: 'users:update',
  }),
  importUsers: rule([401, 403, 403, 422], {
    body: '',
    headers: { 'content-type': 'text/csv' },
    permission: 'users:import',
  }),
};
