import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { untilJob } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const ID = 'one-for-all.1';

let app: TestApp;
let api: Program;
let worker: Program;

beforeAll(async () => {
  app = await TestApp.start();
  api = await app.startAnother();
  worker = await app.startAnotherWorker();
});

afterAll(() => app.stop());

describe('the correlation id of a request', () => {
  it('is in its response, its job, and each line of both logs', async () => {
    const who = await signedIn(app);

    const answer = await who.post('/v1/jobs', { type: 'user-export' }, api).set('x-correlation-id', ID);
    const { id } = answer.body.data;
    await untilJob(app, id, 'completed');

    const line = await until(
      () => worker.lines().find(({ msg }) => msg === 'Job completed'),
      'the line of the job',
    );
    expect(answer.headers['x-correlation-id']).toBe(ID);
    const jobs = await app.db.query<{ correlation_id: string }[]>('SELECT * FROM jobs');
    expect(jobs.map(({ correlation_id }) => correlation_id)).toEqual([ID]);
    expect(line['correlationId']).toBe(ID);
    expect(
      api.lines().filter(({ msg, correlationId }) => msg === 'request' && correlationId === ID),
    ).toHaveLength(1);
  });
});
