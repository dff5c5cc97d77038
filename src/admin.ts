import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull } from 'typeorm';
import { AuditEvent } from './audit/audit-event.entity.ts';
import { File } from './files/file.entity.ts';
import { loadConfig, StartupError } from './platform/config/config.ts';
import { dataSourceOptions } from './platform/database/data-source.ts';
import { start } from './platform/process/start.ts';
import { User } from './users/user.entity.ts';
import { roleChanged } from './users/users.audit.ts';

const USAGE = 'Usage: node dist/src/admin.js grant <email>';

/** Makes a user the first administrator of an installation. An administrator can promote others through the API. */
await start(async () => {
  const [, , command, email] = process.argv;
  if (command !== 'grant' || !email) throw new StartupError(USAGE);
  const db = await new DataSource(
    dataSourceOptions(loadConfig(), 'migrate', [User, File, AuditEvent]),
  ).initialize();
  try {
    await db.transaction((tx) => grantAdmin(email.toLowerCase(), tx));
  } finally {
    await db.destroy();
  }
  process.stdout.write('The account is now an administrator. Sign in again to use the role.\n');
});

async function grantAdmin(email: string, tx: EntityManager): Promise<void> {
  const user = await tx.findOne(User, {
    where: { email, deletedAt: IsNull() },
    lock: { mode: 'for_no_key_update' },
  });
  if (!user) throw new StartupError('No account has this email. Register it first.');
  await tx.update(User, { id: user.id }, { role: 'admin', version: () => 'version + 1' });
  // Access tokens contain the role, so those with the old one are revoked.
  await tx.query(
    `UPDATE sessions SET revoked_at = now(), revoked_reason = 'role-changed' WHERE revoked_at IS NULL AND user_id = $1`,
    [user.id],
  );
  const data = { from: user.role, to: 'admin', by: 'admin grant' };
  await tx.insert(AuditEvent, {
    id: randomUUIDv7(),
    type: roleChanged.name,
    userId: user.id,
    data,
  });
}
