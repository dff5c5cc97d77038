import { type DynamicModule, Injectable, Logger, Module } from '@nestjs/common';
import { Registry, registerIn } from '../registry/registry.ts';

/** A right of a role. Declared by the feature that checks it, in `<feature>.permissions.ts` or next to its service. */
export interface Permission {
  /** Unique and stable: `users:read`. Part of the public API. */
  readonly name: string;
  /** The action that it allows, for the API description. */
  readonly description: string;
}

/** A set of permissions that an account can have. The product defines its roles in `src/app.roles.ts`. */
export interface Role {
  /** Stable: it is stored with each account. */
  readonly name: string;
  readonly permissions: readonly Permission[] | 'all';
}

const PERMISSION_NAME = /^[a-z][a-z-]*:[a-z][a-z-]*$/;
const PERMISSION_LENGTH_MAX = 64;
/** The same pattern as in the constraint users_role_check. */
export const ROLE_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Registered with `PermissionsModule.forFeature`. */
export function definePermission(permission: Permission): Permission {
  const { name } = permission;
  if (!PERMISSION_NAME.test(name) || name.length > PERMISSION_LENGTH_MAX)
    throw new Error(`The permission ${name} needs a name such as users:read, of at most 64 characters`);
  return permission;
}

@Injectable()
export class Permissions extends Registry<Permission> {
  protected keyOf({ name }: Permission): string {
    return name;
  }
}

@Injectable()
export class Roles extends Registry<Role> {
  private readonly logger = new Logger('Roles');
  private readonly reported = new Set<string>();

  constructor(private readonly permissions: Permissions) {
    super();
  }

  protected keyOf({ name }: Role): string {
    return name;
  }

  override add(roles: readonly Role[]): void {
    const invalid = roles.find(({ name }) => !ROLE_NAME.test(name));
    if (invalid) throw new Error(`The role ${invalid.name} needs a name that matches ${ROLE_NAME.source}`);
    super.add(roles);
  }

  /** None for a role that is not defined: an account keeps it after the role was removed from the code. */
  permissionsOf(name: string): ReadonlySet<Permission> {
    const role = this.find(name);
    if (!role) this.reportUndefined(name);
    return new Set(role?.permissions === 'all' ? this.permissions.all() : role?.permissions);
  }

  /** The names of the roles with this permission, for queries. */
  namesWith(permission: Permission): string[] {
    return this.keys().filter((name) => this.permissionsOf(name).has(permission));
  }

  /**
   * Whether the first role has every permission of the second. Only a role with all permissions includes another such role:
   * this process may not know all permissions, because a module of the API registers its own.
   */
  includes(outer: string, inner: string): boolean {
    if (this.find(outer)?.permissions === 'all') return true;
    if (this.find(inner)?.permissions === 'all') return false;
    return [...this.permissionsOf(inner)].every((permission) => this.permissionsOf(outer).has(permission));
  }

  private reportUndefined(role: string): void {
    if (this.reported.has(role)) return;
    this.reported.add(role);
    this.logger.warn({ role, msg: 'An account has a role that src/app.roles.ts does not define' });
  }
}

@Module({ providers: [Permissions, Roles], exports: [Permissions, Roles] })
export class PermissionsModule {
  /** For the feature that checks these permissions. */
  static forFeature(permissions: Permission[]): DynamicModule {
    return registerIn(PermissionsFeatureModule, Permissions, permissions);
  }

  static withRoles(roles: Role[]): DynamicModule {
    return registerIn(PermissionsFeatureModule, Roles, roles);
  }
}

@Module({ imports: [PermissionsModule] })
class PermissionsFeatureModule {}
