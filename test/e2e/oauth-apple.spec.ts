import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newPerson } from '../factories/person.factory.ts';
import type { TestApp } from '../support/app.ts';
import { Browser } from '../support/browser.ts';
import { type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { times } from '../support/until.ts';

let oauth: OAuthApp;
let app: TestApp;

beforeAll(async () => {
  oauth = await startOAuthApp();
  ({ app } = oauth);
});

afterEach(() => {
  jest.useRealTimers();
  oauth.providers.control.reset();
});

afterAll(() => oauth.stop());

/** Moves the clock of the application and the providers forward. Timers do not change. */
function putClockForward(ms: number): void {
  const doNotFake = [
    'hrtime',
    'nextTick',
    'performance',
    'queueMicrotask',
    'setImmediate',
    'clearImmediate',
    'setInterval',
    'clearInterval',
    'setTimeout',
    'clearTimeout',
  ] as const;
  jest.useFakeTimers({ now: Date.now() + ms, doNotFake: [...doNotFake] });
}

const MINUTE_MS = 60_000;
const MONTH_MS = 30 * 24 * 60 * MINUTE_MS;

describe.each(['google', 'apple'] as const)('the keys and metadata of %s', (provider) => {
  const fetched = () => {
    const { jwks, discovery } = oauth.providers.control.requests(provider);
    return { jwks, discovery };
  };
  const signInMany = async (count: number) => {
    const ends = await Promise.all(times(count, () => new Browser(app).completeSignIn(provider)));
    return [...new Set(ends.map((end) => end.searchParams.get('error')))];
  };

  it('are fetched once for parallel sign-ins, and cached', async () => {
    oauth.person(provider, newPerson());

    await signInMany(10);
    await signInMany(10);

    expect(fetched()).toEqual({ jwks: 1, discovery: 1 });
  });

  it('are fetched once more after a minute when many unknown keys arrive', async () => {
    oauth.person(provider, newPerson());
    await signInMany(1);
    putClockForward(2 * MINUTE_MS);
    oauth.providers.control.hostile(provider, 'unknown-key');
    const { jwks } = fetched();

    const errors = await signInMany(50);

    expect(errors).toEqual(['provider_error']);
    expect(fetched().jwks - jwks).toBe(1);
  });

  it('remain usable while the provider returns no newer metadata', async () => {
    oauth.person(provider, newPerson());
    await signInMany(1);
    putClockForward(2 * 60 * MINUTE_MS);
    oauth.providers.control.hostile(provider, 'down');

    const begun = await new Browser(app).startSignIn(provider);

    expect(begun.status).toBe(302);
  });
});

describe('sign-in with Apple', () => {
  it('works seven months later, because its client secret is renewed', async () => {
    oauth.person('apple', newPerson());
    await new Browser(app).completeSignIn('apple');

    putClockForward(7 * MONTH_MS);
    const end = await new Browser(app).completeSignIn('apple');

    expect(end.searchParams.has('code')).toBe(true);
  });
});
