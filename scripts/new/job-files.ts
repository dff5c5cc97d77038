import { type ExistingFeature, sourceOf } from './existing-feature.ts';
import type { Times } from './job-times.ts';
import { addImport, addToModule, importModule, registerInModule } from './module-edits.ts';
import { camel, pascal } from './names.ts';

export interface NewJob {
  feature: ExistingFeature;
  /** In kebab case: the type of the job, and the name of its files. */
  type: string;
  hasWorkerModule: boolean;
  /** The schedule of a recurring job. */
  times?: Times;
}

/** The entity that the job works on. A recurring job works on all of them, so it has none. */
const resourceOf = ({ feature, times }: NewJob): ExistingFeature['resource'] =>
  times ? undefined : feature.resource;

const handlerOf = ({ type }: NewJob): string => `${pascal(type)}Handler`;
const workerModuleOf = ({ feature }: NewJob): string => `${sourceOf(feature)}-worker.module.ts`;

export function jobFiles(job: NewJob): Record<string, string> {
  const { feature, type, hasWorkerModule } = job;
  return {
    [`src/${feature.folder}/${type}.job.ts`]: definitionFile(job),
    [`src/${feature.folder}/${type}.handler.ts`]: handlerFile(job),
    ...(!hasWorkerModule && { [workerModuleOf(job)]: workerModuleFile(job) }),
    [`test/e2e/${type}.spec.ts`]: testFile(job),
  };
}

export function jobEdits(job: NewJob): Record<string, (content: string) => string> {
  const { feature, type, hasWorkerModule } = job;
  const { folder, Plural } = feature;
  const variable = camel(type);
  return {
    [`${sourceOf(feature)}.module.ts`]: (content) => {
      const registered = registerInModule(content, 'JobsModule', variable);
      const imported = addImport(registered, 'JobsModule', '../jobs/jobs.module.ts');
      const withJob = addImport(imported, variable, `./${type}.job.ts`);
      return job.times ? addSchedule(withJob, type) : withJob;
    },
    ...(hasWorkerModule
      ? {
          [workerModuleOf(job)]: (content: string) =>
            addImport(
              addToModule(content, 'providers', handlerOf(job)),
              handlerOf(job),
              `./${type}.handler.ts`,
            ),
        }
      : {
          'src/worker.module.ts': (content: string) =>
            importModule(content, `${Plural}WorkerModule`, `./${folder}/${folder}-worker.module.ts`),
        }),
  };
}

function addSchedule(content: string, type: string): string {
  const registered = registerInModule(content, 'SchedulesModule', scheduleOf(type));
  const imported = addImport(registered, 'SchedulesModule', '../schedules/schedules.module.ts');
  return addImport(imported, scheduleOf(type), `./${type}.job.ts`);
}

const scheduleOf = (type: string): string => `${camel(type)}Schedule`;

function definitionFile(job: NewJob): string {
  const { type, times } = job;
  const resource = resourceOf(job);
  return `
import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';
${times ? `import { defineSchedule } from '../schedules/schedule-definition.ts';` : ''}

export const ${camel(type)} = defineJob({
  type: '${type}',${resource ? '\n  // Only the id, because the data can change before the job runs.' : ''}
  input: z.strictObject({ ${resource ? `${resource.variable}Id: z.guid()` : ''} }),
});
${
  times
    ? `
export const ${scheduleOf(type)} = defineSchedule({
  name: '${type}',
  cron: '${times.cron}',
  timezone: '${times.timezone}',
  job: ${camel(type)},
  input: {},
});
`
    : ''
}`;
}

function handlerFile(job: NewJob): string {
  const resource = resourceOf(job);
  const variable = camel(job.type);
  if (!resource)
    return `
import { type JobContext, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { ${variable} } from './${job.type}.job.ts';

@JobHandler(${variable})
export class ${handlerOf(job)} implements JobRunner<object> {
  /** Write through \`ctx.transaction\`: it commits only while this worker holds the lease. */
  async run(_input: object, ctx: JobContext): Promise<object> {
    ctx.logger.info('The job ${job.type} runs');
    return {};
  }
}
`;
  const { Singular, singular, variable: one } = resource;
  return `
import type { z } from 'zod';
import { type JobContext, JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { ${Singular} } from './${singular}.entity.ts';
import { ${variable} } from './${job.type}.job.ts';

type Input = z.output<typeof ${variable}.input>;

@JobHandler(${variable})
export class ${handlerOf(job)} implements JobRunner<Input> {
  /** \`ctx.transaction\` commits only while this worker holds the lease. An effect outside the database can happen twice. */
  run({ ${one}Id }: Input, ctx: JobContext): Promise<object> {
    return ctx.transaction(async (tx) => {
      const ${one} = await tx.findOne(${Singular}, { where: { id: ${one}Id }, lock: { mode: 'pessimistic_write' } });
      // Deleted since the job was started.
      if (!${one}) return { found: false };
      // Here the job does its work, and writes through \`tx\`.
      return { found: true };
    });
  }
}
`;
}

function workerModuleFile(job: NewJob): string {
  const { folder, Plural } = job.feature;
  return `
import { Module } from '@nestjs/common';
import { ${Plural}Module } from './${folder}.module.ts';
import { ${handlerOf(job)} } from './${job.type}.handler.ts';

@Module({ imports: [${Plural}Module], providers: [${handlerOf(job)}] })
export class ${Plural}WorkerModule {}
`;
}

function testFile(job: NewJob): string {
  const { folder } = job.feature;
  const resource = resourceOf(job);
  const variable = camel(job.type);
  return `
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
${resource ? `import { randomUUID } from 'node:crypto';\nimport type { z } from 'zod';` : ''}
import { JobsService } from '../../src/jobs/jobs.service.ts';
import { ${variable} } from '../../src/${folder}/${job.type}.job.ts';
${job.times ? `import { Schedules } from '../../src/schedules/schedule-definition.ts';` : ''}
${resource ? `import { create${resource.Singular} } from '../factories/${resource.singular}.factory.ts';` : ''}
import { TestApp } from '../support/app.ts';
${resource ? `import { signedIn } from '../support/client.ts';` : ''}
import { until } from '../support/until.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ worker: true });
});

afterAll(() => app.stop());

/** Starts the job, and waits for its end. */
async function runJob(input: ${resource ? `z.input<typeof ${variable}.input>` : 'object'}): Promise<object> {
  const jobs = app.api.get(JobsService, { strict: false });
  const { id } = await app.db.transaction((tx) => jobs.enqueue(${variable}, input, {}, tx));
  return until(async () => {
    const [job] = await app.db.query<object[]>(
      'SELECT status, result FROM jobs WHERE id = $1 AND finished_at IS NOT NULL',
      [id],
    );
    return job;
  }, 'the job ${job.type}');
}

describe('the job ${job.type}', () => {
${resource ? resourceTests(resource) : EMPTY_TEST}${job.times ? scheduleTest(job.type, job.times) : ''}
});
`;
}

const EMPTY_TEST = `
  it('completes', async () => {
    expect(await runJob({})).toEqual({ status: 'completed', result: {} });
  });
`;

const scheduleTest = (type: string, { cron, timezone }: Times): string => `
  it('runs at fixed times', () => {
    const schedule = app.api.get(Schedules, { strict: false }).find('${type}');

    expect(schedule).toMatchObject({ cron: '${cron}', timezone: '${timezone}' });
  });
`;

const resourceTests = ({ Singular, variable, word }: NonNullable<ExistingFeature['resource']>): string => `
  it('completes for the ${word}', async () => {
    const { id: ${variable}Id } = await create${Singular}(await signedIn(app));

    expect(await runJob({ ${variable}Id })).toEqual({ status: 'completed', result: { found: true } });
  });

  it('completes when the ${word} was deleted', async () => {
    expect(await runJob({ ${variable}Id: randomUUID() })).toEqual({
      status: 'completed',
      result: { found: false },
    });
  });
`;
