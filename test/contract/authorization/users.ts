import { rule, type Rule, type Thing } from '../authorization-rule.ts';

export const account: Thing = async (_app, owner) => owner.user.id;

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  getMe: rule([401, 200, 200, 200]),
  updateMe: rule([401, 200, 200, 200], { body: { displayName: 'New' } }),
  deleteMe: rule([401, 204, 204, 204]),
  listUsers: rule([401, 403, 403, 200]),
  getUser: rule([401, 403, 403, 200], { of: account }),
  updateUser: rule([401, 403, 403, 200], { of: account, body: { status: 'suspended' } }),
  importUsers: rule([401, 403, 403, 422], { body: '', headers: { 'content-type': 'text/csv' } }),
};
