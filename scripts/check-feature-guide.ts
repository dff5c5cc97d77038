/** Checks that docs/guides/add-a-feature.md shows what the command in it generates. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { featureFiles } from './new/feature.ts';
import { parseFields } from './new/fields.ts';
import { namesOf } from './new/names.ts';

const GUIDE = 'docs/guides/add-a-feature.md';
/** In the name of the migration. */
const TIMESTAMP = 1_764_500_000_000;

process.chdir(dirname(import.meta.dirname));

const guide = readFileSync(GUIDE, 'utf8');
const [, plural = '', rest = ''] = /^npm run new:feature -- (\S+) (.*)$/m.exec(guide) ?? [];
const fields = [...rest.matchAll(/--field '?([^' ]+)/g)].map(([, field]) => String(field));
const names = namesOf(plural);
const generated = featureFiles({ names, fields: parseFields(fields, names), timestamp: TIMESTAMP });
const options = await resolveConfig('src/main.ts');
const files = await Promise.all(
  Object.values(generated).map((text) => format(text.trimStart(), { ...options, parser: 'typescript' })),
);
const blocks = [...guide.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => String(block));
const differing = blocks.filter((block) => !files.some((text) => text.includes(block)));
if (blocks.length === 0 || differing.length > 0) {
  console.error([`${GUIDE}: the generator does not write this code:`, ...differing].join('\n\n'));
  process.exitCode = 1;
}
