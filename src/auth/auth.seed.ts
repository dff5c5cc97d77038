import { DataSource } from 'typeorm';
import { Config } from '../platform/config/config.ts';
import type { Seed } from '../platform/seeds/seeds.module.ts';
import { UsersService } from '../users/users.service.ts';
import { PasswordHasher } from './passwords/password-hasher.service.ts';

/** An administrator and a user who can sign in. */
export const accountsSeed: Seed = {
  name: 'accounts',
  async run(app) {
    const [config, db, users, hasher] = [
      app.get(Config),
      app.get(DataSource),
      app.get(UsersService),
      app.get(PasswordHasher),
    ];
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
    for (const { password, ...account } of accounts) {
      const passwordHash = await hasher.hash(password);
      await db.transaction((tx) =>
        users.createUnlessTaken({ ...account, passwordHash, emailVerifiedAt: new Date() }, tx),
      );
    }
  },
};
