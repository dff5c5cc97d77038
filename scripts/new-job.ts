/** Writes a job type with its handler and test: npm run new:job -- invoices send-reminder */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange, main } from './new/change.ts';
import { assertNowhere, findFeature, sourceOf } from './new/existing-feature.ts';
import { jobEdits, jobFiles } from './new/job-files.ts';
import { assertFree, assertName, camel, UsageError } from './new/names.ts';

const USAGE = `npm run new:job -- <feature> <type> [--dry-run]
Example: npm run new:job -- invoices send-reminder`;

process.chdir(dirname(import.meta.dirname));

await main(USAGE, () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false } },
  });
  const [folder, type, ...others] = positionals;
  if (!folder || !type || others.length > 0) throw new UsageError(USAGE);
  const feature = findFeature(folder);
  assertName(type, 'The job');
  assertFree(camel(type));
  assertNowhere(`type: '${type}'`, `The job type ${type}`);
  const hasWorkerModule = existsSync(`${sourceOf(feature)}-worker.module.ts`);
  const job = { feature, type, hasWorkerModule };
  applyChange({ files: jobFiles(job), edits: jobEdits(job), programs: [] }, { isDryRun: values['dry-run'] });
  if (values['dry-run']) return;
  console.log(`
Next:
1. Write the work into src/${folder}/${type}.handler.ts.
2. Start the job in the transaction of its cause: await this.jobs.enqueue(${camel(type)}, input, {}, tx)
3. bin/test test/e2e/${type}.spec.ts && npm run check
docs/guides/add-a-job-type.md explains attempts, limits and priorities.`);
});
