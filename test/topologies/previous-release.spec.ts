import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { releasePairs, releases, TwoReleases } from '../support/previous-release.ts';
import { backends } from '../support/queue-data.ts';
import { until } from '../support/until.ts';

/** The start of two APIs and two migrations. */
const LIMIT_MS = 120_000;

describe.each(backends)('the previous release and the current one on %s', (backend) => {
  let both: TwoReleases;

  beforeAll(async () => {
    both = await TwoReleases.start(backend, { API_DOCS: 'true' });
  }, LIMIT_MS);

  afterAll(() => both.stop());

  it('the previous one serves all requests while the current one migrates the database', () => {
    expect(both.migration).toEqual({ code: 0, output: expect.any(String) });
    expect(new Set(both.statuses)).toEqual(new Set([200]));
  });

  it.each(releasePairs)('a session of the %s release works on the %s one', async (first, second) => {
    const credentials = await both.system.createAdmin();
    const signedIn = await both.ask(first, 'POST', '/v1/auth/login', { body: credentials });
    const { accessToken, refreshToken } = signedIn.body.data;

    const me = await both.ask(second, 'GET', '/v1/users/me', { token: accessToken });
    const refreshed = await both.ask(second, 'POST', '/v1/auth/refresh', { body: { refreshToken } });
    const back = await both.ask(first, 'POST', '/v1/auth/refresh', {
      body: { refreshToken: refreshed.body.data.refreshToken },
    });
    const token = back.body.data.accessToken;
    const signedOut = await both.ask(second, 'POST', '/v1/auth/logout', { token });

    expect([me, refreshed, back, signedOut].map(({ status }) => status)).toEqual([200, 200, 200, 204]);
    await until(
      async () => (await both.ask(first, 'GET', '/v1/users/me', { token })).status === 401,
      'the session to end in the other release',
    );
  });

  it.each(releasePairs)(
    'a job of the %s release is completed by a worker of the %s one',
    async (api, worker) => {
      const program = await both.startWorker(worker);

      const added = await both.ask(api, 'POST', '/v1/jobs', { body: { type: 'user-export' } });
      const { id } = added.body.data;
      await both.system.untilStatus(id, 'completed', 'failed');

      const seen = await Promise.all(releases.map((release) => both.ask(release, 'GET', `/v1/jobs/${id}`)));
      expect(seen.map(({ body }) => body.data.status)).toEqual(['completed', 'completed']);
      expect(await program.end()).toEqual({ code: 0, signal: null });
    },
  );

  it.each(releasePairs)(
    'a request to the %s release that is repeated on the %s one has one effect',
    async (first, second) => {
      const request = { body: { type: 'user-export' }, headers: { 'idempotency-key': randomUUID() } };

      const answers = [
        await both.ask(first, 'POST', '/v1/jobs', request),
        await both.ask(second, 'POST', '/v1/jobs', request),
      ];

      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      expect(answers[1]!.body).toEqual(answers[0]!.body);
    },
  );

  it('lists have the same rows in both', async () => {
    const { body: document } = await both.ask('previous', 'GET', '/openapi.json');
    const isList = ([path, { get }]: [string, any]) =>
      !path.includes('{') && get?.parameters?.some(({ name }: { name: string }) => name === 'limit');
    const lists = Object.entries<any>(document.paths)
      .filter(isList)
      .map(([path]) => path);
    expect(lists.length).toBeGreaterThan(3);
    const found = [];
    for (const path of lists) {
      const [theirs, ours] = [
        await both.ask('previous', 'GET', path),
        await both.ask('current', 'GET', path),
      ];
      expect([path, theirs.status, ours.status]).toEqual([path, 200, 200]);
      const ids = (answer: typeof ours) => answer.body.data.map(({ id }: { id: string }) => id);
      expect([path, ids(ours)]).toEqual([path, ids(theirs)]);
      found.push(...ids(ours));
    }
    expect(found.length).toBeGreaterThan(5);
  });
});
