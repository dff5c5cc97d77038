import { type Config, loadConfig, StartupError } from './platform/config/config.ts';
import type { ChangedMigration } from './platform/database/changed-migrations.ts';
import { migrate, undoMigrations } from './platform/database/migrate.ts';
import { start } from './platform/process/start.ts';

const USAGE = 'Usage: node dist/src/migrate.js [undo [count]]';

await start(async () => {
  const [, , command, count = '1', ...others] = process.argv;
  const isUsed = (command === undefined || command === 'undo') && /^[1-9]\d{0,2}$/.test(count);
  if (!isUsed || others.length > 0) throw new StartupError(USAGE);
  const lines = command === 'undo' ? await undo(loadConfig(), Number(count)) : await apply(loadConfig());
  process.stdout.write(lines.map((line) => `migrate: ${line}\n`).join(''));
});

async function apply(config: Config): Promise<string[]> {
  const { applied, changed, warnings } = await migrate(config);
  return [
    applied.length > 0 ? `applied ${applied.join(', ')}` : 'the database is current',
    ...changed.map((migration) => warningOf(migration, config)),
    ...warnings,
  ];
}

function warningOf({ name, undoCount }: ChangedMigration, config: Config): string {
  const fault = `${name} has changed since it was applied, and the database doesn't have the change.`;
  if (config.NODE_ENV === 'production') {
    return `warning: ${fault} Restore its file, and write a new migration for the change.`;
  }
  return (
    `warning: ${fault} To apply it again: npm run migration:undo -- ${undoCount}, then save the file; ` +
    'this loses the data of its tables. To keep the data: restore the file, and write a new migration.'
  );
}

async function undo(config: Config, count: number): Promise<string[]> {
  const undone = await undoMigrations(config, count);
  if (undone.length === 0) return ['no migration is applied'];
  const [it, its] = undone.length === 1 ? ['it', 'its file'] : ['them', 'their files'];
  return [
    `undid ${undone.join(', ')}. bin/dev applies ${it} again at its next restart: change or remove ${its} before.`,
  ];
}
