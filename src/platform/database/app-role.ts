import { DEFAULT_SCHEMA as QUEUE_SCHEMA } from 'bullmq';
import type pg from 'pg';
import { type Config, StartupError } from '../config/config.ts';

/**
 * Lets the role of the application read and write rows, and nothing else: only the role of the migrations changes tables
 * and triggers. Repeated after each migration. Returns warnings. See docs/decisions/0069-two-database-roles.md.
 */
export async function grantToAppRole(owner: pg.Client, config: Config): Promise<string[]> {
  const name = config.DATABASE_APP_ROLE;
  if (!name) return [];
  const { rows } = await owner.query<{ isOwner: boolean }>(
    `SELECT rolname = current_user AS "isOwner" FROM pg_roles WHERE rolname = $1`,
    [name],
  );
  if (!rows[0]) {
    throw new StartupError(
      `The role ${name} does not exist. Create it (CREATE ROLE … LOGIN PASSWORD …), or set DATABASE_APP_ROLE to the role of DATABASE_URL.`,
    );
  }
  if (rows[0].isOwner) return [];
  const role = owner.escapeIdentifier(name);
  for (const schema of config.REDIS_URL ? ['public'] : ['public', QUEUE_SCHEMA]) {
    for (const statement of grants(schema, role)) await owner.query(statement);
  }
  // BullMQ creates a sequence for each new queue.
  if (!config.REDIS_URL) await owner.query(`GRANT CREATE ON SCHEMA ${QUEUE_SCHEMA} TO ${role}`);
  // Only the migration program says which migrations are applied.
  await owner.query(`REVOKE INSERT, UPDATE, DELETE ON public.migrations FROM ${role}`);
  return excessRights(owner, name);
}

const grants = (schema: string, role: string): string[] => [
  `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
  `GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`,
  // Tables of later migrations, so that they can be used as soon as they exist.
  `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${role}`,
  `ALTER DEFAULT PRIVILEGES IN SCHEMA ${schema} GRANT USAGE ON SEQUENCES TO ${role}`,
];

/** Rights that the role has from elsewhere, such as an older PostgreSQL, where all roles may create tables. */
async function excessRights(owner: pg.Client, name: string): Promise<string[]> {
  const { rows } = await owner.query<{ isExcess: boolean }>(
    `SELECT rolsuper OR pg_has_role(oid, current_user, 'USAGE') OR has_schema_privilege(oid, 'public', 'CREATE')
       OR EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relnamespace = 'public'::regnamespace)
       AS "isExcess"
     FROM pg_roles WHERE rolname = $1`,
    [name],
  );
  if (!rows[0]?.isExcess) return [];
  return [
    `warning: the role ${name} can still create or change tables: it is a superuser, owns a table, has the rights of the owner, or may create in the schema public.`,
  ];
}
