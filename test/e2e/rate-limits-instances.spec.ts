import { describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { times, until } from '../support/until.ts';

const MAIL_MAX = 10;
const DEFAULT_MAX = 300;

describe('the limits of two instances', () => {
  it.each(['postgres', 'redis'] as const)('are shared: %s', async (backend) => {
    const shared = await TestApp.start({ backend, settings: { RATE_LIMIT_FACTOR: '1' } });
    const other = await shared.startAnother();
    try {
      const answers = await Promise.all(
        times(MAIL_MAX * 2, (index) =>
          shared
            .http(index % 2 ? other : undefined)
            .post('/v1/auth/forgot-password')
            .send({ email: 'unknown@example.com' }),
        ),
      );

      expect(answers.filter(({ status }) => status === 202)).toHaveLength(MAIL_MAX);
    } finally {
      await shared.stop();
    }
  });
});

describe('the default limit of two instances', () => {
  it.each(['postgres', 'redis'] as const)('is shared after a moment: %s', async (backend) => {
    const shared = await TestApp.start({ backend, settings: { RATE_LIMIT_FACTOR: '1' } });
    const other = await shared.startAnother();
    try {
      const ask = (instance?: typeof other) => shared.http(instance).get('/v1/auth/oauth');
      const answers = await Promise.all(times(DEFAULT_MAX, () => ask()));
      expect(answers.every(({ status }) => status === 200)).toBe(true);

      await until(async () => (await ask(other)).status === 429, 'the other instance to know the requests');

      expect((await ask()).status).toBe(429);
    } finally {
      await shared.stop();
    }
  });
});
