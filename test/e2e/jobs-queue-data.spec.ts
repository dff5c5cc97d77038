import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Job } from '../../src/jobs/job.entity.ts';
import { createEndpoint, rename } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { backends, queueText } from '../support/queue-data.ts';
import { until } from '../support/until.ts';

describe.each(backends)('the queue on %s', (backend) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start({ backend });
  });

  afterAll(() => app.stop());

  it('contains job ids and no job data', async () => {
    const admin = await signedIn(app, { role: 'admin', displayName: 'Canary Name' });
    const { id: endpointId, secret } = await createEndpoint(
      admin,
      'https://canary-receiver.example.com/hook',
    );
    await rename(admin, 'Canary Renamed');
    await admin.delete(`/v1/webhook-endpoints/${endpointId}`);
    await admin.post('/v1/jobs', { type: 'user-export' });
    await app
      .http()
      .post('/v1/auth/register')
      .send({ email: 'canary@example.com', password: 'a secret password', displayName: 'Canary' });
    await admin
      .post('/v1/users/imports')
      .set('content-type', 'text/csv')
      .send('email,displayName\ncanary-line@example.com,Canary Line\n');

    const jobs = await app.db.getRepository(Job).find();
    const text = await until(async () => {
      const found = await queueText(app);
      return jobs.every(({ id }) => found.includes(id)) && found;
    }, 'every job to be dispatched');

    expect(new Set(jobs.map(({ type }) => type))).toEqual(
      new Set(['mail-send', 'user-export', 'user-import', 'webhook-endpoint-delete']),
    );
    for (const word of [
      'canary',
      'secret',
      'Canary',
      '@',
      admin.user.id,
      admin.user.email,
      admin.accessToken,
      secret,
    ]) {
      expect(text).not.toContain(word);
    }
    for (const { input, correlationId } of jobs) {
      const ids = Object.values(input as Record<string, string>);
      for (const id of [correlationId, ...ids]) expect(text).not.toContain(id);
    }
  });
});
