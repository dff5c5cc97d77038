import { definePermission } from '../platform/security/permissions.ts';

export const usersRead = definePermission({
  name: 'users:read',
  description: 'List accounts and read them.',
});

export const usersUpdate = definePermission({
  name: 'users:update',
  description: 'Suspend accounts and end the suspension.',
});

export const usersChangeRole = definePermission({
  name: 'users:change-role',
  description: 'Change the role of accounts. Also needs users:update or users:import.',
});

export const usersImport = definePermission({
  name: 'users:import',
  description: 'Import accounts from a file.',
});
