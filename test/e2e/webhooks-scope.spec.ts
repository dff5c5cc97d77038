import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';

const URL = 'https://example.com/hooks';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('an update to scope "all"', () => {
  it('is rejected for users who are not administrators', async () => {
    const user = await signedIn(app);
    const { id } = await createEndpoint(user, URL);

    const answer = await user.patch(`/v1/webhook-endpoints/${id}`, { scope: 'all' });

    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it('is rejected when fifty endpoints have it', async () => {
    const admin = await signedIn(app, { role: 'admin' });
    const { id } = await createEndpoint(admin, URL);
    await app.db.query(
      `INSERT INTO webhook_endpoints (id, user_id, url, event_types, secret, scope)
       SELECT gen_random_uuid(), user_id, url, event_types, secret, 'all'
         FROM webhook_endpoints, generate_series(1, 50) WHERE id = $1`,
      [id],
    );

    const answer = await admin.patch(`/v1/webhook-endpoints/${id}`, { scope: 'all' });

    expect(answer).toMatchObject({ status: 409, body: { code: 'LIMIT_REACHED' } });
    expect((await admin.get(`/v1/webhook-endpoints/${id}`)).body.data.scope).toBe('own');
  });
});
