import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { type InjectedRequest, injectedOutcome } from '../support/inject.ts';
import { addressOf, codesOf, type Operation, operations } from '../support/openapi.ts';
import { matrix } from './authorization-matrix.ts';
import { bodyOf } from './authorization-rule.ts';
import type { Thing } from './authorization-rule.ts';

/** Larger than the limit of every route that buffers its body. */
const LARGE = 'x'.repeat(1024 * 1024 + 1);
const CSV = 'email,displayName\nada@example.com,Ada\n';

/** Errors that depend on the kind of an operation, each with a change to a valid request that causes it. */
const causes: Record<string, (valid: InjectedRequest) => InjectedRequest> = {
  UNAUTHENTICATED: (valid) => withHeader(valid, 'authorization', ''),
  VALIDATION_FAILED: ({ url, ...rest }) => ({ ...rest, url: `${url}?unknown=1` }),
  INVALID_CURSOR: ({ url, ...rest }) => ({ ...rest, url: `${url}?cursor=unknown` }),
  INVALID_IDEMPOTENCY_KEY: (valid) => withHeader(valid, 'idempotency-key', 'x'.repeat(256)),
  MALFORMED_JSON: (valid) => ({ ...valid, payload: '{' }),
  PAYLOAD_TOO_LARGE: (valid) => ({ ...valid, payload: LARGE }),
  UNSUPPORTED_MEDIA_TYPE: (valid) => withHeader(valid, 'content-type', 'text/plain'),
  INTERNAL: (valid) => withHeader(valid, 'x-test-failure', 'unexpected'),
  UNAVAILABLE: (valid) => withHeader(valid, 'x-test-failure', 'ECONNREFUSED'),
};
/** Operations where the error has another cause. Their own tests cover it. */
const otherCauses: Record<string, string[]> = {
  // Providers may add parameters. A body that is not a form is invalid.
  VALIDATION_FAILED: ['handleProviderFormCallback'],
  // The limit of an import is 50 MiB.
  PAYLOAD_TOO_LARGE: ['importUsers'],
};

/** Fails like a handler if the request has the header x-test-failure. */
@Injectable()
class Failures implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const failure = context.switchToHttp().getRequest<FastifyRequest>().headers['x-test-failure'];
    if (failure) throw Object.assign(new Error('A failure for the test'), { code: failure });
    return next.handle();
  }
}

let app: TestApp;
let user: SignedIn;
let admin: SignedIn;
/** Resources of the administrator. */
const ids = new Map<Thing, Awaited<ReturnType<Thing>>>();

beforeAll(async () => {
  app = await TestApp.start({
    providers: [{ provide: APP_INTERCEPTOR, useClass: Failures }],
    settings: { GITHUB_WEBHOOK_SECRET: 'a secret of 32 characters or more' },
  });
  [user, admin] = [await signedIn(app), await signedIn(app, { role: 'admin' })];
});

afterAll(() => app.stop());

describe('each operation that documents it', () => {
  it.each(Object.entries(causes))('responds with %s', async (code, change) => {
    const documented = operations.filter(
      (operation) => codesOf(operation).includes(code) && !otherCauses[code]?.includes(operation.operationId),
    );

    const answers = await outcomes(documented, async (operation) => change(await validRequest(operation)));

    expect(documented.length).toBeGreaterThan(5);
    expect(answers).toEqual(all(documented, code));
  });

  it('responds with IDEMPOTENCY_IN_PROGRESS while the first request with the key runs', async () => {
    const documented = operations.filter((operation) =>
      codesOf(operation).includes('IDEMPOTENCY_IN_PROGRESS'),
    );
    const first = app.db.createQueryRunner();
    await first.startTransaction();

    const answers = await outcomes(documented, async (operation) => {
      const request = withHeader(await validRequest(operation), 'idempotency-key', operation.operationId);
      const scope = [admin.user.id, request.method.toUpperCase(), request.url, operation.operationId].join(
        ' ',
      );
      await first.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
        `idempotency_keys ${scope}`,
      ]);
      return request;
    });

    await first.rollbackTransaction();
    await first.release();
    expect(answers).toEqual(all(documented, 'IDEMPOTENCY_IN_PROGRESS'));
  });

  it('responds with NOT_FOUND to an unknown id', async () => {
    const named = operations.filter(({ path }) => path.includes('{'));

    const answers = await outcomes(named, async (operation) => ({
      ...(await validRequest(operation)),
      url: addressOf(operation).replace('github', 'unknown'),
    }));

    expect(answers).toEqual(all(named, 'NOT_FOUND'));
  });

  it('responds with FORBIDDEN to a user if it is for administrators', async () => {
    const restricted = operations.filter(({ operationId }) => matrix[operationId]?.expected.other === 403);

    const answers = await outcomes(restricted, (operation) => validRequest(operation, user));

    expect(answers).toEqual(all(restricted, 'FORBIDDEN'));
  });
});

describe('some operations', () => {
  it('respond with NOT_FOUND to a caller whose account was deleted a moment ago', async () => {
    const deleted = await signedIn(app);
    await app.db.query('UPDATE users SET deleted_at = now() WHERE id = $1', [deleted.user.id]);
    const ofCaller = operations.filter(({ path }) => path === '/v1/users/me');

    const answers = await outcomes(ofCaller, (operation) => validRequest(operation, deleted));

    expect(answers).toEqual(all(ofCaller, 'NOT_FOUND'));
  });

  it('respond with FORBIDDEN to pages of another site', async () => {
    const guarded = operations.filter(({ operationId }) => operationId === 'closeDashboardSession');

    const answers = await outcomes(guarded, async (operation) =>
      withHeader(await validRequest(operation), 'sec-fetch-site', 'cross-site'),
    );

    expect(answers).toEqual(all(guarded, 'FORBIDDEN'));
  });
});

describe('above the rate limit', () => {
  let limited: TestApp;

  beforeAll(async () => {
    limited = await TestApp.start({ settings: { RATE_LIMIT_FACTOR: '0.1' } });
  });

  afterAll(() => limited.stop());

  it('responds with RATE_LIMITED, in each operation that documents it', async () => {
    const caller = await signedIn(limited, { role: 'admin' });
    const documented = operations.filter((operation) => codesOf(operation).includes('RATE_LIMITED'));

    const answers: Record<string, string | number> = {};
    for (const operation of documented) {
      const sent = {
        method: operation.method,
        url: addressOf(operation),
        headers: headersOf(operation, caller),
      };
      const answer = await injectUntilLimited(limited, operation, sent);
      answers[operation.operationId] = answer;
    }

    expect(answers).toEqual(all(documented, 'RATE_LIMITED'));
  });
});

/** Webhooks have the highest limit. */
const REQUESTS_MAX = 301;

async function injectUntilLimited(
  limited: TestApp,
  operation: Operation,
  request: InjectedRequest,
): Promise<string | number> {
  let answer: string | number = '';
  for (let count = 0; count < REQUESTS_MAX && answer !== 'RATE_LIMITED'; count += 1) {
    answer = await injectedOutcome(limited, operation, request);
  }
  return answer;
}

const all = (some: Operation[], code: string): Record<string, string> =>
  Object.fromEntries(some.map(({ operationId }) => [operationId, code]));

/** The code or status of each response, by operationId. */
async function outcomes(
  some: Operation[],
  requestOf: (operation: Operation) => Promise<InjectedRequest>,
): Promise<Record<string, string | number>> {
  const answers: Record<string, string | number> = {};
  for (const operation of some) {
    answers[operation.operationId] = await injectedOutcome(app, operation, await requestOf(operation));
  }
  return answers;
}

/** A request of the authorization matrix, for a resource of the administrator. */
async function validRequest(operation: Operation, caller = admin): Promise<InjectedRequest> {
  const { of, ...row } = matrix[operation.operationId] ?? {};
  const id = of && (ids.get(of) ?? (await of(app, admin)));
  if (of && id) ids.set(of, id);
  const body = bodyOf(row, id) ?? {};
  return {
    method: operation.method,
    url: addressOf(operation, id),
    headers: headersOf(operation, caller),
    payload:
      operation.requestBody && ('text/csv' in operation.requestBody.content ? CSV : JSON.stringify(body)),
  };
}

function headersOf({ operationId, requestBody }: Operation, caller: SignedIn): Record<string, string> {
  const [mediaType] = Object.keys(requestBody?.content ?? {});
  return {
    authorization: `Bearer ${caller.accessToken}`,
    ...(mediaType && { 'content-type': mediaType }),
    ...matrix[operationId]?.headers,
  };
}

const withHeader = (request: InjectedRequest, name: string, value: string): InjectedRequest => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});
