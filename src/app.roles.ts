import type { Role } from './platform/security/permissions.ts';

/**
 * The roles of this product. Each account has one role: `user`, until an administrator changes it. Your own roles are
 * sets of the permissions that features define:
 *
 *     { name: 'support', permissions: [usersRead, jobsRead] }
 *
 * See docs/guides/authorization.md. Keep `user` and `admin`: new accounts have the role `user`, and the code that
 * protects the last administrator uses the name `admin`.
 */
export const roles: Role[] = [
  { name: 'user', permissions: [] },
  { name: 'admin', permissions: 'all' },
];
