/** Writes a domain event with a test: npm run new:event -- invoices invoice.paid --field amount:int */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange } from './new/change.ts';
import {
  eventEdits,
  eventFiles,
  eventNames,
  eventsFileOf,
  listenerOf,
  type NewEvent,
} from './new/event-files.ts';
import { assertNowhere, type ExistingFeature, findFeature, sourceOf } from './new/existing-feature.ts';
import { parseFields, SYNTAX } from './new/fields.ts';
import { hasClass } from './new/module-edits.ts';
import { assertFree } from './new/names.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `npm run new:event -- <feature> <noun>.<verb> [--field …] [--internal] [--dry-run]
Example: npm run new:event -- invoices invoice.paid --field amount:int
${SYNTAX}. Without a field, the data is what the API returns of the feature, or an id.
--internal: webhook endpoints can't subscribe to it.`;
/** Programs that describe a public event in the documents of the API. */
const PUBLIC = {
  'openapi.json': ['--run', 'openapi'],
  'clients/typescript': ['--run', 'client'],
  'docs/events.md': ['scripts/events-page.ts'],
};

process.chdir(dirname(import.meta.dirname));

function assertType(type: string): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(type) || type.length > 60)
    throw new UsageError(
      `An event is named <noun>.<verb>, in lower case with hyphens: invoice.paid, sign-up.created. Not ${type}.`,
    );
  assertFree(eventNames(type).variable);
  assertNowhere(`type: '${type}'`, `The event ${type}`);
  const { Name } = eventNames(type);
  if (readFileSync('openapi.json', 'utf8').includes(`/schemas/${Name}"`))
    throw new UsageError(`The API has a type ${Name}: choose another name.`);
}

function assertService(feature: ExistingFeature): void {
  const path = `${sourceOf(feature)}.service.ts`;
  const name = `${feature.Plural}Service`;
  if (!existsSync(path) || !hasClass(readFileSync(path, 'utf8'), name))
    throw new UsageError(
      `${path} has no class ${name}: add the event by hand (docs/guides/add-an-event.md).`,
    );
}

/** The response schema of the feature, with its example. */
function schemaOf(feature: ExistingFeature): string | undefined {
  const path = `${sourceOf(feature)}.schemas.ts`;
  const name = `${feature.resource?.variable}Schema`;
  return existsSync(path) && readFileSync(path, 'utf8').includes(`export const ${name} =`) ? name : undefined;
}

function newEvent(
  feature: ExistingFeature,
  type: string,
  given: { field: string[]; internal: boolean },
): NewEvent {
  assertType(type);
  assertService(feature);
  const fields = parseFields(given.field, { Singular: eventNames(type).Name });
  const unique = fields.find(({ isUnique }) => isUnique);
  if (unique) throw new UsageError(`The data of an event has no unique field: ${unique.name}.`);
  const schema = fields.length === 0 ? schemaOf(feature) : undefined;
  return { feature, type, fields, isPublic: !given.internal, ...(schema && { schema }) };
}

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      field: { type: 'string', multiple: true, default: [] },
      internal: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [folder, type, ...others] = positionals;
  if (!folder || !type || others.length > 0) throw new UsageError(USAGE);
  const event = newEvent(findFeature(folder), type, values);
  await applyChange(
    {
      files: eventFiles(event),
      edits: eventEdits(event),
      programs: event.isPublic ? PUBLIC : {},
    },
    { isDryRun: values['dry-run'] },
  );
  if (values['dry-run']) return;
  const { Name, file } = eventNames(type);
  console.log(`
Another feature reacts to it in a provider of its module, in the same transaction:
${listenerOf(event)}
Next:
1. Read the summary and the data in ${eventsFileOf(event)}.
2. Call emit${Name}() in the transaction of the change.
3. bin/test test/e2e/${file}.spec.ts && npm run check
docs/guides/add-an-event.md explains each part.`);
});
