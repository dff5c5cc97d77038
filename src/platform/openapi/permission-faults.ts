import type { ModulesContainer } from '@nestjs/core';
import { MetadataScanner } from '@nestjs/core';
import { readRegistry } from '../registry/registry.ts';
import { accessOf, permissionOf } from '../security/access.decorators.ts';
import { type Permission, Permissions, Roles } from '../security/permissions.ts';
import { fileOf } from './route-faults.ts';

type Owner = { name: string; prototype: Record<string, object> };

/**
 * The faults in the permissions of routes, GraphQL fields and roles, one sentence each. A permission that no feature
 * registers would be missing in the role admin.
 */
export function permissionFaults(modules: ModulesContainer): string[] {
  const permissions = readRegistry(modules, Permissions);
  const isRegistered = (permission: Permission) => permissions.find(permission.name) === permission;
  return [...routeFaults(modules, isRegistered), ...roleFaults(modules, isRegistered)];
}

function routeFaults(modules: ModulesContainer, isRegistered: (permission: Permission) => boolean): string[] {
  return ownersOf(modules).flatMap((owner) =>
    new MetadataScanner().getAllMethodNames(owner.prototype).flatMap((method) => {
      const handler = owner.prototype[method]!;
      const permission = permissionOf(handler, owner);
      if (!permission) return [];
      const subject = () => `${owner.name}.${method}()${fileOf(owner)} requires ${permission.name}`;
      if (!isRegistered(permission))
        return [
          `${subject()}, which is not registered: add it to PermissionsModule.forFeature([…]) in a module.`,
        ];
      if (accessOf(handler, owner) !== 'required')
        return [`${subject()}, which needs a signed-in user: remove @Public() or @RequirePermission().`];
      return [];
    }),
  );
}

function roleFaults(modules: ModulesContainer, isRegistered: (permission: Permission) => boolean): string[] {
  const roles = readRegistry(modules, Roles);
  const faults = roles
    .all()
    .flatMap(({ name, permissions }) =>
      permissions === 'all'
        ? []
        : permissions
            .filter((permission) => !isRegistered(permission))
            .map(
              (permission) =>
                `The role ${name} has ${permission.name}, which is not registered: add it to PermissionsModule.forFeature([…]) in a module.`,
            ),
    );
  if (!roles.find('user') || roles.find('admin')?.permissions !== 'all')
    faults.push(`src/app.roles.ts must define the role user, and the role admin with the permissions 'all'.`);
  return faults;
}

/** The classes whose methods can have `@RequirePermission()`: controllers and resolvers. */
function ownersOf(modules: ModulesContainer): Owner[] {
  const classes = [...modules.values()]
    .flatMap(({ controllers, providers }) => [...controllers.values(), ...providers.values()])
    .map(({ metatype }) => metatype as unknown);
  return [...new Set(classes)].filter(isClass);
}

const isClass = (metatype: unknown): metatype is Owner =>
  typeof metatype === 'function' && metatype.prototype !== undefined;
