import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { addressOf, codesOf, type Operation, operations } from '../support/openapi.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/** Who may call what. An operation without a rule fails: whoever adds one decides here who it is for. */
const PUBLIC = `
  root_describe problems_list problems_get health_live health_ready jwks_jwks
  auth_register auth_verifyEmail auth_resendVerification auth_login auth_refresh
  passwords_forgot passwords_reset emailChange_confirm
  oAuth_list oAuth_begin oAuth_comeBack oAuth_comeBackByForm oAuthExchange_exchange
`;
const USERS = `
  auth_logout auth_logoutAll sessions_list sessions_end passwords_change emailChange_request
  oAuth_beginLink identities_list identities_unlink
  users_me users_updateMe users_deleteMe
  jobs_start jobs_list jobs_get jobs_cancel jobs_retry jobs_result
`;
const ADMINS = `users_list users_get users_update userImports_start audit_list`;

const names = (list: string): string[] => list.trim().split(/\s+/);
const under = (list: string): [string, Operation][] =>
  operations
    .filter(({ operationId }) => names(list).includes(operationId))
    .map((operation) => [operation.operationId, operation]);

let app: TestApp;
let user: SignedIn;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

describe('each operation', () => {
  it('has a rule, and each rule an operation', () => {
    const ruled = [PUBLIC, USERS, ADMINS].flatMap(names);

    expect(ruled.toSorted()).toEqual(operations.map(({ operationId }) => operationId).toSorted());
  });

  it.each(under(PUBLIC))('that is public asks for no token: %s', async (_id, operation) => {
    const answer = await call(operation);

    expect(operation.security).toBeUndefined();
    expect(answer.body).not.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([...under(USERS), ...under(ADMINS)])(
    'that is not is closed to who has no token: %s',
    async (_id, operation) => {
      const [none, bad] = await Promise.all([call(operation), call(operation, 'nonsense')]);

      expect(operation.security).toEqual([{ bearer: [] }]);
      for (const answer of [none, bad]) {
        expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      }
    },
  );

  it.each(under(ADMINS))('that is for administrators is closed to others: %s', async (_id, operation) => {
    const [asUser, asAdmin] = await Promise.all([
      call(operation, user.accessToken),
      call(operation, admin.accessToken),
    ]);

    expect(codesOf(operation, 403)).toContain('FORBIDDEN');
    expect(asUser).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect([401, 403]).not.toContain(asAdmin.status);
  });

  it.each(under(USERS))('that is for users is open to any of them: %s', async (_id, operation) => {
    const someone = await signedIn(app);

    const answer = await call(operation, someone.accessToken);

    expect(answer.body).not.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(answer.body).not.toMatchObject({ code: 'FORBIDDEN' });
    expect(answer.status).toBeLessThan(500);
  });
});

function call(operation: Operation, token?: string) {
  const request = app.http()[operation.method](addressOf(operation));
  return token ? request.set('authorization', `Bearer ${token}`) : request;
}
