import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { loadKeys } from './auth/keys/key-ring.ts';
import { PasswordHasher } from './auth/passwords/password-hasher.service.ts';
import { ConfigModule } from './platform/config/config.module.ts';
import { type Config, loadConfig, StartupError } from './platform/config/config.ts';
import { DatabaseModule } from './platform/database/database.module.ts';
import { EventsModule } from './platform/events/events.module.ts';
import { LoggingModule } from './platform/logging/logging.module.ts';
import { PlatformModule } from './platform/platform.module.ts';
import { start } from './platform/process/start.ts';
import { UsersModule } from './users/users.module.ts';
import { UsersService } from './users/users.service.ts';
import { WebhooksModule } from './webhooks/outbound/webhooks.module.ts';

/** Services without routes and workers. Webhooks are here because they listen to the events of users. */
@Module({
  imports: [
    LoggingModule,
    DatabaseModule.for('worker'),
    PlatformModule,
    EventsModule,
    UsersModule,
    WebhooksModule,
  ],
  providers: [PasswordHasher],
})
class SeedModule {}

const accountsOf = (config: Config) => [
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

/** Creates the development accounts. Running it again changes nothing. */
await start(async () => {
  const config = loadConfig(loadKeys);
  if (config.NODE_ENV === 'production') throw new StartupError('The seed is for development only.');
  const app = await NestFactory.createApplicationContext(
    { module: SeedModule, imports: [ConfigModule.with(config)] },
    { logger: false, abortOnError: false },
  );
  const [db, users, hasher] = [app.get(DataSource), app.get(UsersService), app.get(PasswordHasher)];
  const accounts = accountsOf(config);
  try {
    for (const { email, password, displayName, role } of accounts) {
      const passwordHash = await hasher.hash(password);
      await db.transaction(async (tx) => {
        const { user, isNew } = await users.createUnlessTaken({ email, passwordHash, displayName }, tx);
        if (isNew) await users.change({ id: user.id }, { role, emailVerifiedAt: new Date() }, tx);
      });
    }
  } finally {
    await app.close();
  }
  process.stdout.write(`seed: ${accounts.map(({ email }) => email).join(' and ')} can sign in\n`);
});
