import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventSource } from '../support/event-source.ts';
import { type Release, releasePairs, releases, TwoReleases } from '../support/previous-release.ts';
import { backends } from '../support/queue-data.ts';

/** The start of two APIs and two migrations. */
const LIMIT_MS = 120_000;

describe.each(backends)('notifications of the previous release and the current one on %s', (backend) => {
  let both: TwoReleases;

  beforeAll(async () => {
    both = await TwoReleases.start(backend);
  }, LIMIT_MS);

  afterAll(() => both.stop());

  it.each(releasePairs)(
    'the streams of both send the notification of a job that the %s release added and the %s one ran',
    async (api, worker) => {
      const token = await both.system.token();
      const open = (release: Release) =>
        EventSource.open(`${both.urlOf(release)}/v1/notifications/stream`, token);
      const streams = await Promise.all(releases.map(open));
      const program = await both.startWorker(worker);

      const { body } = await both.ask(api, 'POST', '/v1/jobs', { body: { type: 'user-export' } });

      for (const stream of streams) {
        const [event] = await stream.untilReceived('notification');
        expect(event!.data.data).toMatchObject({ jobId: body.data.id, jobType: 'user-export' });
        stream.close();
      }
      await program.end();
    },
  );
});
