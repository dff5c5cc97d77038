import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Job } from '../../src/jobs/job.entity.ts';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { NEW_PASSWORD, type SignedIn, signedIn, visitor } from '../support/client.ts';
import { backends, queueText } from '../support/queue-data.ts';
import { until } from '../support/until.ts';

/** Starts a job of each type, with data that the queue must not contain. */
const starts: Record<string, (admin: SignedIn, app: TestApp) => Promise<unknown>> = {
  'user-export': async (admin) => admin.post('/v1/jobs', { type: 'user-export' }),
  'mail-send': async (_admin, app) => visitor(app).register('canary@example.com', { displayName: 'Canary' }),
  'user-import': async (admin) =>
    admin
      .post('/v1/users/imports')
      .set('content-type', 'text/csv')
      .send('email,displayName\ncanary-line@example.com,Canary Line\n'),
  'webhook-endpoint-delete': async (admin) => {
    const { id } = await createEndpoint(admin, 'https://canary-receiver.example.com/hook');
    await admin.patch('/v1/users/me', { displayName: 'Canary Renamed' });
    await admin.delete(`/v1/webhook-endpoints/${id}`);
  },
};

describe.each(backends)('the queue on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend });
  });

  afterAll(() => app.stop());

  it('contains job ids and no job data', async () => {
    const admin = await signedIn(app, { role: 'admin', displayName: 'Canary Name' });
    for (const start of Object.values(starts)) await start(admin, app);

    const jobs = await app.db.getRepository(Job).find();
    const text = await until(async () => {
      const found = await queueText(app);
      return jobs.every(({ id }) => found.includes(id)) && found;
    }, 'every job to be dispatched');

    expect(new Set(jobs.map(({ type }) => type))).toEqual(new Set(Object.keys(starts)));
    for (const word of [
      'canary',
      'secret',
      'Canary',
      '@',
      'whsec_',
      admin.user.id,
      admin.user.email,
      admin.accessToken,
      NEW_PASSWORD,
    ]) {
      expect(text).not.toContain(word);
    }
    for (const { input, correlationId } of jobs) {
      const ids = Object.values(input as Record<string, string>);
      for (const id of [correlationId, ...ids]) expect(text).not.toContain(id);
    }
  });
});
