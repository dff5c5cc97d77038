import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Logger } from 'typeorm';
import { createJob } from '../factories/job.factory.ts';
import { notify } from '../factories/notification.factory.ts';
import { createDeliveries, createEndpoint } from '../factories/webhook.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql } from '../support/graphql.ts';
import { times } from '../support/until.ts';

const NOTIFICATIONS = `{ notifications(first: 100) { edges { node { id job { id owner { id email } } } } } }`;
const JOBS = `{ jobs(first: 100) { edges { node { id owner { id email } } } } }`;

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

/** The statements of one call, without those of the rate limits. */
async function countStatements(work: () => Promise<unknown>): Promise<number> {
  const before = app.db.logger;
  let count = 0;
  const ignore = () => undefined;
  const logQuery: Logger['logQuery'] = (text) => (count += /rate_limits|revoked_at/.test(text) ? 0 : 1);
  app.db.logger = {
    ...before,
    logQuery,
    logQueryError: ignore,
    logQuerySlow: ignore,
    logMigration: ignore,
    logSchemaBuild: ignore,
    log: ignore,
  };
  await work();
  app.db.logger = before;
  return count;
}

const createJobs = ({ user }: SignedIn, count: number) =>
  Promise.all(times(count, () => createJob(app, { userId: user.id })));

async function userWithJobs(count: number): Promise<SignedIn> {
  const user = await signedIn(app);
  await createJobs(user, count);
  return user;
}

async function userWithNotifications(count: number): Promise<SignedIn> {
  const user = await signedIn(app);
  for (const { id } of await createJobs(user, count))
    await notify(app, user.user.id, { data: { jobId: id, jobType: 'x' } });
  return user;
}

describe('nested fields', () => {
  it('take as many statements for 30 rows as for one', async () => {
    const [few, many] = [await userWithNotifications(1), await userWithNotifications(30)];

    const small = await countStatements(() => graphql(few, NOTIFICATIONS));
    const large = await countStatements(async () => {
      const { data } = await graphql(many, NOTIFICATIONS);
      expect(data.notifications.edges).toHaveLength(30);
      expect(data.notifications.edges[29].node.job.owner.email).toBe(many.user.email);
    });

    expect(large).toBe(small);
    // The page, its unread count, the jobs and the owners.
    expect(large).toBe(4);
  });

  it('load each of many owners in one statement', async () => {
    for (let count = 0; count < 5; count += 1) await userWithJobs(1);

    const statements = await countStatements(async () => {
      const { data } = await graphql(admin, JOBS);
      const owners = data.jobs.edges.map(({ node }: { node: { owner: { id: string } } }) => node.owner.id);
      expect(new Set(owners).size).toBeGreaterThan(5);
    });

    expect(statements).toBe(2);
  });

  it('load the latest rows of each of many parents in one statement', async () => {
    const user = await signedIn(app);
    const endpoints = [];
    for (const index of times(3, (i) => i))
      endpoints.push(await createEndpoint(user, `https://example.com/${index}`));
    for (const endpoint of endpoints.slice(1)) await createDeliveries(app, endpoint, { count: 7 });

    const query =
      '{ webhookEndpoints(sort: "createdAt") { edges { node { id latestDeliveries { id endpointId } } } } }';

    const nodes: { id: string; latestDeliveries: object[] }[] = [];
    const statements = await countStatements(async () => {
      const { data } = await graphql(user, query);
      nodes.push(...data.webhookEndpoints.edges.map(({ node }: any) => node));
    });

    expect(statements).toBe(2);
    expect(nodes.map(({ latestDeliveries }) => latestDeliveries.length)).toEqual([0, 5, 5]);
    for (const { id: endpointId, latestDeliveries } of nodes) {
      const { body } = await user.get(`/v1/webhook-endpoints/${endpointId}/deliveries?limit=5`);
      expect(latestDeliveries).toEqual(body.data.map(({ id }: { id: string }) => ({ id, endpointId })));
    }
  });

  it('never come from the request of another user', async () => {
    const users = [await userWithJobs(2), await userWithJobs(2)];

    const results = await Promise.all(
      times(40, async (index) => {
        const user = users[index % 2]!;
        const { data } = await graphql(user, JOBS);
        const owners = data.jobs.edges.map(({ node }: any) => node.owner.id);
        return owners.every((id: string) => id === user.user.id);
      }),
    );

    expect(results).toEqual(times(40, () => true));
  });
});
