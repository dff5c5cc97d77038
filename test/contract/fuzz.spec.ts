import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createUser } from '../factories/user.factory.ts';
import type { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { inject, type InjectedResponse } from '../support/inject.ts';
import { type OAuthApp, startOAuthApp } from '../support/oauth-app.ts';
import { hasOwnErrors, type Operation, operations } from '../support/openapi.ts';
import { matrix } from './authorization-matrix.ts';
import { bodyOf, type Rule } from './authorization-rule.ts';
import { type FuzzCaller, type FuzzContext, type FuzzRequest, requestsOf } from './fuzz-requests.ts';

/** Per operation: more than 10,000 cases in total. */
const CASES = Number(process.env['FUZZ_CASES'] ?? 165);
/** A failure prints it. Set it to repeat the cases. */
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const TIMEOUT_MS = 120_000;
const WEBHOOK_SECRET = 'a secret of 32 characters or more';
const LISTS = ['/v1/users', '/v1/audit-events'];

let oauth: OAuthApp;
let app: TestApp;
let codes: string[];
let cursors: string[];
/** Ids of operations that succeeded at least once. */
const successful = new Set<string>();
const signedInCallers = new Map<FuzzCaller, SignedIn>();

beforeAll(async () => {
  oauth = await startOAuthApp({ settings: { GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET } });
  app = oauth.app;
  // Two more administrators: the last one can't lose the role.
  await Promise.all([createUser(app, { role: 'admin' }), createUser(app, { role: 'admin' })]);
  const admin = await signedIn(app, { role: 'admin' });
  const pages = await Promise.all(LISTS.map((list) => admin.get(`${list}?limit=1`)));
  cursors = pages.map(({ body }) => body.meta.nextCursor ?? 'none');
  codes = (await admin.get('/problems')).body.data.map(({ code }: { code: string }) => code);
});

afterAll(() => oauth.stop());

describe('any request gets a documented response', () => {
  it.each(operations.map((operation) => [operation.operationId, operation] as const))(
    '%s',
    async (_id, operation) => {
      signedInCallers.clear();
      const requests = requestsOf(operation, await contextOf(operation));

      const check = async (request: FuzzRequest) => expect(await differences(operation, request)).toEqual([]);

      await fc.assert(fc.asyncProperty(requests, check), { seed: SEED, numRuns: CASES });
    },
    TIMEOUT_MS,
  );

  it('most operations succeed at least once', () => {
    expect(successful.size).toBeGreaterThan(operations.length * 0.7);
  });
});

async function contextOf({ operationId }: Operation): Promise<FuzzContext> {
  const row: Partial<Rule> = matrix[operationId] ?? {};
  let example = {};
  const ids: FuzzContext['ids'] = { anonymous: [], user: [], admin: [] };
  for (const caller of ['user', 'admin', 'user', 'admin'] as const) {
    const values = await row.of?.(app, (await signIn(caller))!);
    example = Object(bodyOf(row, values)) as object;
    ids[caller].push(...(typeof values === 'string' ? [values] : Object.values(values ?? {})));
  }
  return { ids, cursors, example, webhookSecret: WEBHOOK_SECRET };
}

/** Sends the request. Returns the faults of the response. */
async function differences(operation: Operation, request: FuzzRequest): Promise<string[]> {
  const { method, operationId } = operation;
  const { caller, headers, ...rest } = request;
  const who = await signIn(caller);
  const authorization = who && `Bearer ${who.accessToken}`;
  const response = await inject(app, {
    ...rest,
    method,
    headers: { ...(authorization && { authorization }), ...headers },
  });
  if (response.status < 400) successful.add(operationId);
  // The caller signed out, or their account changed.
  if (response.status === 401) signedInCallers.delete(caller);
  return [...app.takeContractViolations(), ...faultsOf(response, hasOwnErrors(operation))];
}

async function signIn(caller: FuzzCaller): Promise<SignedIn | undefined> {
  if (caller === 'anonymous') return undefined;
  const who = signedInCallers.get(caller) ?? (await signedIn(app, { role: caller }));
  signedInCallers.set(caller, who);
  return who;
}

/** The faults of any response, also outside of the documented routes. */
function faultsOf({ status, mediaType, body }: InjectedResponse, isOwnForm = false): string[] {
  if (status < 400) return [];
  // The recorder of the contract compares the body with the schema of its form.
  if (isOwnForm && status < 500) return [];
  const problem = (mediaType === 'application/problem+json' ? JSON.parse(body) : {}) as {
    code?: string;
    status?: number;
  };
  return [
    ...(status >= 500 ? [`the status is ${status}`] : []),
    ...(codes.includes(problem.code ?? '') ? [] : [`the code is ${problem.code} (${mediaType})`]),
    ...(problem.status === status ? [] : [`the status of the body is ${problem.status}, not ${status}`]),
  ];
}
