import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { releasePairs, TwoReleases } from '../support/previous-release.ts';
import { backends } from '../support/queue-data.ts';
import { isAuthentic, Receiver } from '../support/receiver.ts';

/** The start of two APIs and two migrations. */
const LIMIT_MS = 120_000;

describe.each(backends)('webhooks of the previous release and the current one on %s', (backend) => {
  let receiver: Receiver;
  let both: TwoReleases;

  beforeAll(async () => {
    receiver = await Receiver.start();
    // In production, a receiver on this machine is rejected.
    both = await TwoReleases.start(backend, { NODE_ENV: 'test', WEBHOOK_ALLOW_PRIVATE: receiver.host });
  }, LIMIT_MS);

  afterAll(async () => {
    await both.stop();
    await receiver.stop();
  });

  it.each(releasePairs)('an event of the %s release is delivered by the %s one', async (api, worker) => {
    const path = `/from-${api}`;
    const program = await both.startWorker(worker);
    const body = { url: receiver.url(path), eventTypes: ['user.updated'] };
    const endpoint = await both.ask(api, 'POST', '/v1/webhook-endpoints', { body });

    const change = { body: { displayName: `Changed on the ${api} release` } };
    const changed = await both.ask(api, 'PATCH', '/v1/users/me', change);

    const event = await receiver.next(path);
    expect(changed.status).toBe(200);
    expect(isAuthentic(event, endpoint.body.data.secret)).toBe(true);
    expect(JSON.parse(event.body)).toMatchObject({ type: 'user.updated', data: change.body });
    await program.end();
  });
});
