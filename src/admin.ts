import { DataSource } from 'typeorm';
import { loadConfig, StartupError } from './platform/config/config.ts';
import { dataSourceOptions } from './platform/database/data-source.ts';
import { start } from './platform/process/start.ts';
import { User } from './users/user.entity.ts';

const USAGE = 'Usage: node dist/src/admin.js grant <email>';

/** The first administrator of a new installation, who can then make others through the API. */
await start(async () => {
  const [, , command, email] = process.argv;
  if (command !== 'grant' || !email) throw new StartupError(USAGE);
  const db = await new DataSource(dataSourceOptions(loadConfig(), 'migrate', [User])).initialize();
  try {
    const { affected } = await db
      .getRepository(User)
      .update({ email: email.toLowerCase() }, { role: 'admin', version: () => 'version + 1' });
    if (!affected) throw new StartupError('No account has this address: register it first.');
    // Tokens of the sessions before this say "user".
    await db.query(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = 'role-changed'
       WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE email = $1)`,
      [email.toLowerCase()],
    );
  } finally {
    await db.destroy();
  }
  process.stdout.write('grant: the account is an administrator; sign in anew\n');
});
