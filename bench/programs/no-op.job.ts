import { z } from 'zod';
import { defineJob } from '../../src/jobs/job-definition.ts';
import { JobHandler, type JobRunner } from '../../src/jobs/job-handler.ts';

const concurrency = Number(process.env['BENCH_CONCURRENCY'] ?? 5);

/** Does nothing, so that only the job engine is measured. */
export const noOp = defineJob({ type: 'bench-no-op', input: z.strictObject({}), concurrency });

@JobHandler(noOp)
export class NoOpHandler implements JobRunner<object> {
  async run(): Promise<void> {}
}
