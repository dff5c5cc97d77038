import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../../src/platform/config/config.ts';
import { EncryptionService } from '../../src/platform/security/encryption.service.ts';
import {
  WebhookSecrets,
  WebhookSecretsRenewal,
} from '../../src/webhooks/outbound/webhook-secrets.service.ts';
import { createEndpoint, endpointRow } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

const [OLD, NEW] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];
const URL = 'https://receiver.example.com/hook';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ settings: { SECRET_KEYS: OLD } });
});

afterAll(() => app.stop());

const underKeys = (...keys: string[]) => new EncryptionService({ SECRET_KEYS: keys } as unknown as Config);

/** Re-encrypts the secrets, as a worker with these keys does. */
const renew = (...keys: string[]) =>
  new WebhookSecretsRenewal(app.db, new WebhookSecrets(underKeys(...keys)), underKeys(...keys)).renew();

const secretsOf = async (id: string, ...keys: string[]) =>
  new WebhookSecrets(underKeys(...keys)).activeOf(await endpointRow(app, id));

describe('the secrets of webhook endpoints after a change of SECRET_KEYS', () => {
  it('need only the new key once a worker has run, including the previous secret', async () => {
    const owner = await signedIn(app);
    const { id, secret: before } = await createEndpoint(owner, URL);
    const rotated = await owner.post(`/v1/webhook-endpoints/${id}/rotate-secret`);
    const { version } = await endpointRow(app, id);

    await Promise.all(times(3, () => renew(NEW, OLD)));

    expect(await secretsOf(id, NEW)).toEqual([rotated.body.data.secret, before]);
    // The version stays the same, because the owner has changed nothing.
    expect((await endpointRow(app, id)).version).toBe(version);
  });

  it('are all re-encrypted, once', async () => {
    const owner = await signedIn(app);
    const { id } = await createEndpoint(owner, URL);
    const { secret } = await endpointRow(app, id);
    await app.db.query(
      `INSERT INTO webhook_endpoints (id, user_id, url, event_types, secret)
       SELECT gen_random_uuid(), user_id, url, event_types, secret FROM webhook_endpoints, generate_series(1, 250)
       WHERE id = $1`,
      [id],
    );

    // Ciphertexts are bound to their endpoint, so only the original can be decrypted.
    await renew(NEW, OLD);
    const first = await endpointRow(app, id);
    await renew(NEW, OLD);

    expect(first.secret).not.toBe(secret);
    expect((await endpointRow(app, id)).secret).toBe(first.secret);
  });

  it('do not change if no key can decrypt them, and a rotation repairs the endpoint', async () => {
    const owner = await signedIn(app);
    const { id } = await createEndpoint(owner, URL);
    await app.db.query(`UPDATE webhook_endpoints SET secret = 'gone.' || secret WHERE id = $1`, [id]);
    const before = await endpointRow(app, id);

    await renew(NEW, OLD);
    const unread = await endpointRow(app, id);
    const rotated = await owner.post(`/v1/webhook-endpoints/${id}/rotate-secret`);

    expect(unread.secret).toBe(before.secret);
    expect(await secretsOf(id, OLD)).toEqual([rotated.body.data.secret]);
  });
});
