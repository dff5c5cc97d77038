import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { addressOf, operations } from '../support/openapi.ts';
import type { Program } from '../support/program.ts';
import { times } from '../support/until.ts';
import { matrix } from './authorization-matrix.ts';
import { createUsers, type Users } from './authorization-rule.ts';

const FUZZ_CASES = 5_000;
const AT_ONCE = 25;

let app: TestApp;
let instance: Program;
let users: Users;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

beforeAll(async () => {
  app = await TestApp.start();
  instance = await app.startAnother();
  await createUser(app, { role: 'admin' });
  users = await createUsers(app);
});

afterAll(async () => {
  agent.destroy();
  await app.stop();
});

/** Spellings of one path as they are sent over the network. */
const spellings = (path: string): string[] => {
  const last = path.lastIndexOf('/') + 1;
  const encode = (index: number) =>
    `${path.slice(0, index)}%${path.charCodeAt(index).toString(16)}${path.slice(index + 1)}`;
  return [
    encode(last),
    encode(1),
    encode(path.length - 1),
    encode(last).replace('%', '%25'),
    `/${path}`,
    path.replaceAll('/', '//'),
    `${path}/`,
    `${path}//`,
    `${path}/.`,
    `${path};x=1`,
    path.replace('/v1/', '/v1;x=1/'),
    `/v1/..${path}`,
    `/health/..${path}`,
    path.replace('/v1/', '/v1/./'),
    path.replace('/v1/', '/v1%2f'),
    path.replace('/v1/', '/v1\\'),
    path.replace('/v1/', '/V1/'),
    path.toUpperCase(),
    `${path}%00`,
    `${path}%20`,
    `${path}.json`,
    `${path}?x=1`,
    `${path}%3fx=1`,
    `http://localhost${path}`,
    `http://evil.example${path}`,
  ];
};

describe('a path in another spelling', () => {
  const closed = operations.filter(({ operationId }) => matrix[operationId]?.expected.anonymous === 401);

  it.each(closed.map((operation) => [operation.operationId, operation] as const))(
    'gives no access to other users and anonymous callers: %s',
    async (_id, operation) => {
      const { of, expected } = matrix[operation.operationId]!;
      const address = addressOf(operation, await of?.(app, users.owner));
      const token = expected.other >= 400 ? users.other.accessToken : undefined;

      const statuses = await Promise.all(
        spellings(address).map(
          async (path) => [path, await ask(path, { method: operation.method, token })] as const,
        ),
      );

      expect(statuses.filter(([, status]) => status < 400 || status >= 500)).toEqual([]);
    },
  );
});

describe('an Authorization header', () => {
  it('that is malformed is 401, with any content', async () => {
    const { accessToken } = users.owner;
    const cases = times(FUZZ_CASES, (index) => header(accessToken, index));

    const counts = new Map<number, number>();
    const surprises: string[] = [];
    for (let start = 0; start < cases.length; start += AT_ONCE) {
      await Promise.all(
        cases.slice(start, start + AT_ONCE).map(async (authorization) => {
          const status = await ask('/v1/users/me', { authorization });
          counts.set(status, (counts.get(status) ?? 0) + 1);
          if (status !== 401) surprises.push(`${status} ${JSON.stringify(authorization)}`);
        }),
      );
    }

    expect(surprises).toEqual([]);
    expect(counts.get(401)).toBe(FUZZ_CASES);
    expect(await ask('/v1/users/me', { token: accessToken })).toBe(200);
  });

  it('that exceeds the header size limit is 431', async () => {
    expect(await ask('/v1/users/me', { authorization: `Bearer ${'x'.repeat(20_000)}` })).toBe(431);
  });
});

/** Returns an invalid header; never one with a valid token. */
function header(token: string, index: number): string {
  const parts = token.split('.');
  const noise = randomBytes(1 + (index % 60));
  const visible = noise.toString('latin1').replace(/[^\x20-\x7e\x80-\xff]/g, '~');
  const kinds = [
    visible,
    `Bearer ${visible}`,
    'Bearer',
    `Bearer ${noise.toString('base64url')}`,
    `Basic ${noise.toString('base64')}`,
    `Bearer ${noise.toString('base64url')}.${parts[1]}.${parts[2]}`,
    `Bearer ${parts[0]}.${noise.toString('base64url')}.${parts[2]}`,
    `Bearer ${parts[0]}.${parts[1]}.${noise.toString('base64url')}`,
    `Bearer ${parts[0]}.${parts[1]}.`,
    `Bearer ${token}.`,
    `Bearer ${token},Bearer ${token}`,
    `Bearer ${token.slice(0, index % token.length)}`,
    `Bearer ${'.'.repeat(index % 40)}`,
    `Bearer ${encode({ typ: 'at+jwt', alg: 'RS256', kid: oddity(index) })}.${parts[1]}.${parts[2]}`,
    `Bearer ${encode(oddity(index))}.${parts[1]}.${parts[2]}`,
    `Bearer ${parts[0]}.${encode(oddity(index))}.${parts[2]}`,
  ];
  return kinds[index % kinds.length]!;
}

const ODDITIES: unknown[] = [
  null,
  1,
  -1,
  1e308,
  '',
  '__proto__',
  [],
  {},
  { toString: 1 },
  ['x'],
  true,
  '../../x',
];
const oddity = (index: number): unknown => ODDITIES[Math.floor(index / 16) % ODDITIES.length];

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Asked {
  method?: string;
  token?: string | undefined;
  authorization?: string;
}

/** Sends the path unchanged; HTTP clients would normalize it. */
function ask(path: string, { method = 'get', token, authorization }: Asked): Promise<number> {
  const { hostname, port } = new URL(instance.url);
  const value = authorization ?? (token && `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { agent, hostname, port, path, method, headers: value ? { authorization: value } : {} },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
