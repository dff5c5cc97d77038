import type { Role } from './platform/security/permissions.ts';

/**
 * The roles of this product. Each account has one: `user` when it is created, another when an administrator changes it. Roles of
 * your own are sets of the permissions that features define:
 *
 *     { name: 'support', permissions: [usersRead, jobsRead] }
 *
 * See docs/guides/authorization.md. `user` and `admin` must stay: the code that protects the last administrator names the latter.
 */
export const roles: Role[] = [
  { name: 'user', permissions: [] },
  { name: 'admin', permissions: 'all' },
];
