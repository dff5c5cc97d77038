import { loadConfig } from './platform/config/config.ts';
import { migrate } from './platform/database/migrate.ts';
import { start } from './platform/process/start.ts';

await start(async () => {
  const applied = await migrate(loadConfig());
  const outcome = applied.length > 0 ? `applied ${applied.join(', ')}` : 'the database is current';
  process.stdout.write(`migrate: ${outcome}\n`);
});
