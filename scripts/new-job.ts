/** Writes a job type with its handler and test: npm run new:job -- invoices send-reminder */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange } from './new/change.ts';
import { assertNowhere, findFeature, sourceOf } from './new/existing-feature.ts';
import { jobEdits, jobFiles } from './new/job-files.ts';
import { parseTimes } from './new/job-times.ts';
import { assertFree, assertName, camel } from './new/names.ts';
import { runProgram, UsageError } from './usage-error.ts';

const USAGE = `npm run new:job -- <feature> <type> [--schedule <cron> --timezone <name>] [--dry-run]
Example: npm run new:job -- invoices send-reminder
At fixed times: npm run new:job -- invoices send-summary --schedule '0 9 * * MON' --timezone Europe/Berlin`;

process.chdir(dirname(import.meta.dirname));

await runProgram(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      schedule: { type: 'string' },
      timezone: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [folder, type, ...others] = positionals;
  if (!folder || !type || others.length > 0) throw new UsageError(USAGE);
  const feature = findFeature(folder);
  assertName(type, 'The job');
  assertFree(camel(type));
  assertNowhere(`type: '${type}'`, `The job type ${type}`);
  const hasWorkerModule = existsSync(`${sourceOf(feature)}-worker.module.ts`);
  const times = parseTimes(values);
  const job = { feature, type, hasWorkerModule, ...(times && { times }) };
  await applyChange(
    { files: jobFiles(job), edits: jobEdits(job), programs: {} },
    { isDryRun: values['dry-run'] },
  );
  if (values['dry-run']) return;
  console.log(`
Next:
1. Write the work into src/${folder}/${type}.handler.ts.
${times ? `2. Try it: an administrator sends POST /v1/schedules/${type}/run` : `2. Start the job in the transaction of its cause: await this.jobs.enqueue(${camel(type)}, input, {}, tx)`}
3. bin/test test/e2e/${type}.spec.ts && npm run check
docs/guides/add-a-job-type.md explains attempts, limits and priorities${times ? ', docs/guides/add-a-schedule.md the schedule' : ''}.`);
});
