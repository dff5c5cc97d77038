/** Writes a migration from the changes of entities: npm run new:migration -- add-due-date */
import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { build, inDevelopment } from './dev-environment.ts';
import { applyChange } from './new/change.ts';
import { migrationFiles, nextTimestamp } from './new/migration-files.ts';
import { assertName } from './new/names.ts';
import { schemaDifference } from './new/schema-difference.ts';
import { type Step, stepsOf } from './new/schema-steps.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `npm run new:migration -- <name> [--dry-run]
Example: npm run new:migration -- add-due-date
Compares the entities with what the migrations create. If nothing differs, it writes an empty migration.`;
const EMPTY: Step = {
  suffix: '',
  statements: [{ up: '-- The change.', down: '-- Undoes it.' }],
  isConcurrent: false,
};

process.chdir(dirname(import.meta.dirname));

async function write(name: string, isDryRun: boolean): Promise<void> {
  build();
  const steps = stepsOf(await schemaDifference(String(process.env.DATABASE_URL)));
  const files = migrationFiles(name, steps.length > 0 ? steps : [EMPTY], nextTimestamp());
  await applyChange({ files, edits: {}, programs: {} }, { isDryRun });
  if (isDryRun) return;
  console.log(`
${steps.length > 0 ? 'Next:\n1. Read each statement: is it what you mean, and safe while the previous release runs?' : 'The entities and the migrations agree.\nNext:\n1. Write the SQL.'}
2. Delete the line with isDraft. Then bin/dev applies the migration. To change it later: npm run migration:undo, then save.
3. Update docs/database.md.
4. bin/test test/e2e/migrations.spec.ts test/e2e/database-guide.spec.ts && npm run check`);
}

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false } },
  });
  const [name, ...others] = positionals;
  if (!name || others.length > 0) throw new UsageError(USAGE);
  assertName(name, 'The migration');
  const [existing] = globSync(`migrations/*-${name}.ts`);
  if (existing) throw new UsageError(`${existing} exists: choose another name.`);
  await inDevelopment(async () => {
    await write(name, values['dry-run']);
    return 0;
  });
});
