import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { inject } from '../support/inject.ts';
import { graphqlBodies } from './fuzz-graphql.ts';

const CASES = Number(process.env['FUZZ_CASES'] ?? 1_500);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const TIMEOUT_MS = 120_000;

let app: TestApp;
let callers: (SignedIn | undefined)[];

beforeAll(async () => {
  app = await TestApp.start();
  callers = [undefined, await signedIn(app), await signedIn(app, { role: 'admin' })];
});

afterAll(() => app.stop());

it(
  'any GraphQL request gets a documented response',
  async () => {
    const requests = fc.record({
      caller: fc.constantFrom(0, 1, 1, 1, 1, 2, 2, 2, 2),
      body: graphqlBodies,
    });
    let executed = 0;

    await fc.assert(
      fc.asyncProperty(requests, async ({ caller, body }) => {
        const { status, body: result } = await send(body, callers[caller]);

        expect(app.takeContractViolations()).toEqual([]);
        expect(status).toBeLessThan(500);
        expect(result).not.toMatch(/"code":"(INTERNAL|UNAVAILABLE)"/);
        if (status === 200) executed += 1;
      }),
      { seed: SEED, numRuns: CASES },
    );

    // Enough of them are valid and run.
    expect(executed).toBeGreaterThan(CASES / 30);
  },
  TIMEOUT_MS,
);

function send(body: unknown, caller: SignedIn | undefined) {
  return inject(app, {
    method: 'POST',
    url: '/graphql',
    headers: {
      'content-type': 'application/json',
      ...(caller && { authorization: `Bearer ${caller.accessToken}` }),
    },
    payload: JSON.stringify(body),
  });
}
