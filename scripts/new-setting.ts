/** Writes a setting with a test: npm run new:setting -- INVOICE_DUE_DAYS --type int --default 14 --min 1 --max 365 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange } from './new/change.ts';
import { addSetting, parseSetting, specFile, TYPES } from './new/setting-files.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `npm run new:setting -- <NAME> --type <type> [--default <value>] [--min <n>] [--max <n>] [--description <sentence>] [--dry-run]
Example: npm run new:setting -- INVOICE_DUE_DAYS --type int --default 14 --min 1 --max 365
Types: ${TYPES}. Without --default the setting is optional.`;
const SETTINGS = 'src/platform/config/settings.ts';

process.chdir(dirname(import.meta.dirname));

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      type: { type: 'string' },
      default: { type: 'string' },
      min: { type: 'string' },
      max: { type: 'string' },
      description: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [name, ...others] = positionals;
  const { type } = values;
  if (!name || !type || others.length > 0) throw new UsageError(USAGE);
  const setting = parseSetting(name, { ...values, type });
  if (readFileSync('.env.example', 'utf8').includes(`\n#${name}=`))
    throw new UsageError(`The setting ${name} exists: choose another name.`);
  const spec = `src/platform/config/${name.toLowerCase().replaceAll('_', '-')}.spec.ts`;
  await applyChange(
    {
      files: { [spec]: specFile(setting) },
      edits: { [SETTINGS]: (content) => addSetting(content, setting) },
      programs: { '.env.example': ['scripts/env-example.ts'] },
    },
    { isDryRun: values['dry-run'] },
  );
  if (values['dry-run']) return;
  console.log(`
Next:
1. Check that the description in ${SETTINGS} says what the setting does, then: npm run generate
2. Inject Config, and read config.${name}.
3. bin/test ${spec} && npm run check`);
});
