import { AppModule } from './app.module.ts';
import { loadKeys } from './auth/keys/key-ring.ts';
import { Config, loadConfig, StartupError } from './platform/config/config.ts';
import { createApp } from './platform/http/create-app.ts';
import { requireDatabase } from './platform/process/require-database.ts';
import { start } from './platform/process/start.ts';
import { Seeds } from './platform/seeds/seeds.module.ts';

/** Runs the seeds of all features, for development. Running them again changes nothing. Serves no port and runs no jobs. */
await start(async () => {
  const config = new Config({ ...loadConfig(loadKeys), LOG_LEVEL: 'warn' });
  if (config.NODE_ENV === 'production') throw new StartupError('The seed is for development only.');
  await requireDatabase(config);
  const app = await createApp(AppModule.with(config), config);
  try {
    await app.init();
    const names = await app.get(Seeds).run(app);
    process.stdout.write(
      `seed: ${names.join(', ')}. ${config.ADMIN_EMAIL} and user@example.com can sign in\n`,
    );
  } finally {
    await app.close();
  }
});
