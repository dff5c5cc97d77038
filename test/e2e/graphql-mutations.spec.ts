import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createJob, jobRow } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql } from '../support/graphql.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('updateMe', () => {
  const mutation = 'mutation ($input: UpdateMeInput!) { updateMe(input: $input) { displayName } }';

  it('changes the profile', async () => {
    const { data } = await graphql(user, mutation, { input: { displayName: 'Grace' } });

    expect(data.updateMe.displayName).toBe('Grace');
    expect((await user.get('/v1/users/me')).body.data.displayName).toBe('Grace');
  });

  it('changes the language of mails', async () => {
    await graphql(user, mutation, { input: { locale: 'de' } });

    const { data } = await graphql(user, '{ me { locale } }');
    expect(data.me.locale).toBe('de');
  });

  it.each([
    ['', 'TOO_SHORT'],
    ['x'.repeat(101), 'TOO_LONG'],
    ['two\nlines', 'INVALID_TEXT'],
    ['nul\0', 'INVALID_TEXT'],
    [null, 'INVALID_TYPE'],
  ])('validates by the schema of REST: %j', async (displayName, code) => {
    const { codes, errors } = await graphql(user, mutation, { input: { displayName } });
    const rest = await user.patch('/v1/users/me', { displayName });

    expect(codes).toEqual(['VALIDATION_FAILED']);
    expect(errors?.[0]?.extensions.details).toEqual(rest.body.details);
    expect(errors?.[0]?.extensions.details).toContainEqual(
      expect.objectContaining({ path: 'displayName', code }),
    );
  });

  it('takes no field that REST does not take', async () => {
    const { status, codes } = await graphql(user, mutation, { input: { role: 'admin' } });

    expect({ status, codes }).toEqual({ status: 400, codes: ['GRAPHQL_INVALID'] });
  });
});

describe('startJob', () => {
  const mutation = 'mutation ($input: StartJobInput!) { startJob(input: $input) { id status owner { id } } }';

  it('starts a job of the caller', async () => {
    const { data } = await graphql(user, mutation, { input: { type: 'user-export', input: {} } });

    expect(data.startJob).toMatchObject({ status: 'queued', owner: { id: user.user.id } });
    expect(await jobRow(app, data.startJob.id)).toMatchObject({ userId: user.user.id, type: 'user-export' });
  });

  it('records the correlation id of the request', async () => {
    const input = { type: 'user-export' };
    const { body } = await user
      .post('/graphql', { query: mutation, variables: { input } })
      .set('x-correlation-id', 'from-graphql');

    expect(await jobRow(app, body.data.startJob.id)).toMatchObject({ correlationId: 'from-graphql' });
  });

  it('starts nothing but what users may start', async () => {
    const { codes, errors } = await graphql(user, mutation, { input: { type: 'user-erase' } });

    expect(codes).toEqual(['VALIDATION_FAILED']);
    expect(errors?.[0]?.extensions.details).toMatchObject([{ path: 'type', code: 'INVALID_VALUE' }]);
  });
});

describe('cancelJob and retryJob', () => {
  it('change the state, and have the errors of REST', async () => {
    const { id } = await createJob(app, { userId: user.user.id });
    const cancel = 'mutation ($id: ID!) { cancelJob(id: $id) { status } }';
    const retry = 'mutation ($id: ID!) { retryJob(id: $id) { status } }';

    const cancelled = await graphql(user, cancel, { id });
    const again = await graphql(user, cancel, { id });
    const retried = await graphql(user, retry, { id });
    const unneeded = await graphql(user, retry, { id });

    expect(cancelled.data.cancelJob.status).toBe('cancelled');
    expect(again).toMatchObject({ status: 200, data: null, codes: ['JOB_NOT_CANCELLABLE'] });
    expect(retried.data.retryJob.status).toBe('queued');
    expect(unneeded.codes).toEqual(['JOB_NOT_RETRYABLE']);
  });

  it('respond with NOT_FOUND to an invalid id', async () => {
    const { codes } = await graphql(user, 'mutation { cancelJob(id: "x") { id } }');

    expect(codes).toEqual(['NOT_FOUND']);
  });
});

describe('markNotificationRead', () => {
  it('returns the notification, and keeps its time when repeated', async () => {
    await notify(app, user.user.id);
    const { id } = (await user.get('/v1/notifications')).body.data[0];
    const mutation = 'mutation ($id: ID!) { markNotificationRead(id: $id) { id readAt } }';

    const first = await graphql(user, mutation, { id });
    const second = await graphql(user, mutation, { id });

    expect(first.data.markNotificationRead).toEqual({ id, readAt: expect.any(String) });
    expect(second.data).toEqual(first.data);
  });
});
