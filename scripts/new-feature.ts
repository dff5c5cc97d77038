/** Writes a working feature: npm run new:feature -- invoices --field amount:int --field dueOn:date */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange } from './new/change.ts';
import { featureEdits, featureFiles } from './new/feature.ts';
import { parseFields, SYNTAX } from './new/fields.ts';
import { takenInGraphql } from './new/graphql-files.ts';
import { nextTimestamp } from './new/migration-files.ts';
import { type Names, namesOf } from './new/names.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `npm run new:feature -- <plural> [--singular <name>] [--field …] [--dry-run]
${SYNTAX}. Without a field it gets name:text.`;
const DEFAULT_FIELDS = ['name:text'];

process.chdir(dirname(import.meta.dirname));

/** Types and fields of the API are unique in the whole application. */
function assertUnused(names: Names): void {
  const { plural, Singular, Plural, table } = names;
  if (existsSync(`src/${plural}`)) throw new UsageError(`The feature src/${plural} exists.`);
  const openapi = readFileSync('openapi.json', 'utf8');
  const taken = [
    ...[Singular, `Create${Singular}`, `Update${Singular}`].filter((name) =>
      openapi.includes(`/schemas/${name}"`),
    ),
    ...[`list${Plural}`, `create${Singular}`, `get${Singular}`].filter((name) =>
      openapi.includes(`"${name}"`),
    ),
    ...takenInGraphql(names),
  ];
  const migrations = globSync('migrations/*.ts').map((path) => readFileSync(path, 'utf8'));
  if (migrations.some((text) => new RegExp(`TABLE ${table}\\b`).test(text))) taken.push(`the table ${table}`);
  if (taken.length > 0) throw new UsageError(`Another feature has ${taken.join(', ')}: choose another name.`);
}

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      field: { type: 'string', multiple: true },
      singular: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [plural, ...others] = positionals;
  if (!plural || others.length > 0) throw new UsageError(USAGE);
  const names = namesOf(plural, values.singular);
  assertUnused(names);
  const fields = parseFields(values.field ?? DEFAULT_FIELDS, names);
  const feature = { names, fields, timestamp: nextTimestamp() };
  await applyChange(
    {
      files: featureFiles(feature),
      edits: featureEdits(feature),
      programs: {
        'openapi.json': ['--run', 'openapi'],
        'clients/typescript': ['--run', 'client'],
        'schema.graphql': ['scripts/graphql-schema.ts'],
      },
    },
    { isDryRun: values['dry-run'] },
  );
  if (values['dry-run']) return;
  console.log(`
Next:
1. Read the migration and the policy: do they say what you mean?
2. bin/test test/e2e/${plural}.spec.ts test/contract && npm run check
3. bin/dev, then /docs has the new routes.
docs/guides/add-a-feature.md explains each file.`);
});
