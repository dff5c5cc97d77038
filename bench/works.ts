/** The requests with which the servers are measured. */
import type { Call, Work } from './load.ts';
import { ADMINS, PASSWORD } from './servers.ts';

const CONNECTIONS = 16;

interface Tokens {
  accessToken: string;
  refreshToken: string;
}

const login = (n: number): Pick<Call, 'method' | 'path' | 'body' | 'status'> => ({
  method: 'POST',
  path: '/v1/auth/login',
  body: JSON.stringify({ email: `user-${n}@example.com`, password: PASSWORD }),
  status: 200,
});

/** Signs in one user for each connection. */
async function signIn(url: string, firstUser = ADMINS): Promise<Tokens[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => signInUser(url, firstUser + index)));
}

export async function signInUser(url: string, n: number): Promise<Tokens> {
  const { path, body } = login(n);
  // Sign-ins are limited by IP address.
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': `198.51.100.${n % 250}` };
  const response = await fetch(url + path, { method: 'POST', headers, body: body! });
  if (!response.ok) throw new Error(`The sign-in failed: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { data: Tokens }).data;
}

const bearer = ({ accessToken }: Tokens) => ({ authorization: `Bearer ${accessToken}` });

const me: Work['prepare'] = async (url) => {
  const tokens = await signIn(url);
  return (connection) => ({
    method: 'GET',
    path: '/v1/users/me',
    headers: bearer(tokens[connection]!),
    status: 200,
  });
};

/** Each connection walks through the list, and starts again at its end. */
const page: Work['prepare'] = async (url) => {
  const tokens = await signIn(url, 0);
  const cursors = new Map<number, string | null>();
  return (connection) => {
    const cursor = cursors.get(connection);
    return {
      method: 'GET',
      path: `/v1/users?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      headers: bearer(tokens[connection]!),
      status: 200,
      onResponse: (body) =>
        cursors.set(
          connection,
          (JSON.parse(body) as { meta: { nextCursor: string | null } }).meta.nextCursor,
        ),
    };
  };
};

const refresh: Work['prepare'] = async (url) => {
  const tokens = (await signIn(url)).map(({ refreshToken }) => refreshToken);
  return (connection) => ({
    method: 'POST',
    path: '/v1/auth/refresh',
    body: JSON.stringify({ refreshToken: tokens[connection] }),
    status: 200,
    onResponse: (body) => (tokens[connection] = (JSON.parse(body) as { data: Tokens }).data.refreshToken),
  });
};

const update = async (url: string, firstUser: number): ReturnType<Work['prepare']> => {
  const tokens = await signIn(url, firstUser);
  let count = 0;
  return (connection) => ({
    method: 'PATCH',
    path: '/v1/users/me',
    headers: bearer(tokens[connection]!),
    body: JSON.stringify({ displayName: `Name ${(count += 1)}` }),
    status: 200,
  });
};

// feature:webhooks begin
const FIRST_RECEIVER = ADMINS + CONNECTIONS;

/** Each user has an endpoint that receives the event. No worker runs, so the delivery is created but not sent. */
const updateWithDelivery: Work['prepare'] = async (url, query) => {
  await query(
    `INSERT INTO webhook_endpoints (id, user_id, url, event_types, secret)
     SELECT gen_random_uuid(), id, 'https://receiver.example.com/', '{user.updated}', '' FROM users
     WHERE email IN (SELECT 'user-' || n || '@example.com' FROM generate_series($1::int, $2::int) AS n)`,
    [FIRST_RECEIVER, FIRST_RECEIVER + CONNECTIONS - 1],
  );
  return update(url, FIRST_RECEIVER);
};
// feature:webhooks end

export const works: Work[] = [
  {
    name: 'health',
    title: '`GET /health/live`',
    connections: CONNECTIONS,
    requests: 8_000,
    aim: 0.6,
    prepare: async () => () => ({ method: 'GET', path: '/health/live', status: 200 }),
  },
  {
    name: 'me',
    title: '`GET /v1/users/me`',
    connections: CONNECTIONS,
    requests: 4_000,
    aim: 0.7,
    prepare: me,
  },
  {
    name: 'page',
    title: 'a page of 20 users, keyset',
    connections: CONNECTIONS,
    requests: 2_000,
    aim: 0.7,
    prepare: page,
  },
  {
    name: 'refresh',
    title: 'refresh',
    connections: CONNECTIONS,
    requests: 2_000,
    aim: 0.7,
    prepare: refresh,
  },
  {
    name: 'invalid',
    title: 'an invalid body (422)',
    connections: CONNECTIONS,
    requests: 6_000,
    aim: 0.45,
    prepare: async () => () => ({ ...login(1), body: JSON.stringify({ email: 'no email' }), status: 422 }),
  },
  {
    name: 'update',
    title: '`PATCH /v1/users/me`, no subscriber',
    connections: CONNECTIONS,
    requests: 2_000,
    aim: 0.5,
    prepare: (url) => update(url, ADMINS),
  },
  {
    name: 'sign-in',
    title: 'sign-in (argon2id, 19 MiB)',
    connections: 4,
    requests: 120,
    prepare: async () => {
      let n = 0;
      return () => login(100 + ((n += 1) % 9_000));
    },
  },
  // feature:webhooks begin
  {
    name: 'delivery',
    title: '`PATCH /v1/users/me` that makes one delivery',
    connections: CONNECTIONS,
    requests: 2_000,
    aim: 0.5,
    prepare: updateWithDelivery,
  },
  // feature:webhooks end
];
