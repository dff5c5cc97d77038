import { type Config, loadConfig, StartupError } from './platform/config/config.ts';
import { migrate, undoLastMigration } from './platform/database/migrate.ts';
import { start } from './platform/process/start.ts';

const USAGE = 'Usage: node dist/src/migrate.js [undo]';

await start(async () => {
  const [, , command] = process.argv;
  if (command !== undefined && command !== 'undo') throw new StartupError(USAGE);
  const outcome = command === 'undo' ? await undo(loadConfig()) : await apply(loadConfig());
  process.stdout.write(`migrate: ${outcome}\n`);
});

async function apply(config: Config): Promise<string> {
  const applied = await migrate(config);
  return applied.length > 0 ? `applied ${applied.join(', ')}` : 'the database is current';
}

async function undo(config: Config): Promise<string> {
  const undone = await undoLastMigration(config);
  if (!undone) return 'no migration is applied';
  return `undid ${undone}. bin/dev applies it again at its next restart: change or remove its file before.`;
}
