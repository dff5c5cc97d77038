import { randomUUIDv7 } from 'node:crypto';
import { DataSource } from 'typeorm';
import { loadKeys } from './auth/keys/key-ring.ts';
import { PasswordHasher } from './auth/passwords/password-hasher.service.ts';
import { loadConfig, StartupError } from './platform/config/config.ts';
import { dataSourceOptions } from './platform/database/data-source.ts';
import { start } from './platform/process/start.ts';
import { User } from './users/user.entity.ts';

/** Creates the development accounts. Running it again changes nothing. */
await start(async () => {
  const config = loadConfig(loadKeys);
  if (config.NODE_ENV === 'production') throw new StartupError('The seed is for development only.');
  const db = await new DataSource(dataSourceOptions(config, 'migrate', [User])).initialize();
  const hasher = new PasswordHasher(config);
  const accounts = [
    {
      email: config.ADMIN_EMAIL,
      password: config.ADMIN_PASSWORD,
      displayName: 'Admin',
      role: 'admin' as const,
    },
    {
      email: 'user@example.com',
      password: 'development-only-user',
      displayName: 'User',
      role: 'user' as const,
    },
  ];
  try {
    for (const { password, ...account } of accounts) {
      const passwordHash = await hasher.hash(password);
      const row = { id: randomUUIDv7(), ...account, passwordHash, emailVerifiedAt: new Date() };
      await db.createQueryBuilder().insert().into(User).values(row).orIgnore('users_email_key').execute();
    }
  } finally {
    await db.destroy();
  }
  process.stdout.write(`seed: ${accounts.map(({ email }) => email).join(' and ')} can sign in\n`);
});
