/**
 * The bare server: Fastify and pg alone. It does the same work as the API: token, validation, only declared properties
 * in and out, correlation id, the same tables. It has no rate limits, logs, events, jobs or caches.
 */
import { verify } from '@node-rs/argon2';
import fastify, { type FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import * as tokens from './tokens.ts';

const db = new pg.Pool({ connectionString: process.env['DATABASE_URL']!, max: 10 });
const app = fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: true } } });

const USER_COLUMNS = `id, email, display_name AS "displayName", locale, role, status,
  email_verified_at IS NOT NULL AS "emailVerified",
  avatar_file_id AS "avatarUrl", -- feature:storage
  version,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const text = { type: 'string' };
const nullable = { type: ['string', 'null'] };
const user = {
  type: 'object',
  properties: {
    id: text,
    email: text,
    displayName: text,
    locale: nullable,
    role: text,
    status: text,
    emailVerified: { type: 'boolean' },
    avatarUrl: nullable, // feature:storage
    createdAt: text,
    updatedAt: text,
  },
};
const item = (data: object) => ({ response: { 200: { type: 'object', properties: { data } } } });
const body = (properties: object, required: string[]) => ({
  body: { type: 'object', properties, required, additionalProperties: false },
});
const page = {
  type: 'object',
  properties: {
    data: { type: 'array', items: user },
    meta: { type: 'object', properties: { limit: { type: 'integer' }, nextCursor: nullable } },
  },
};
const pair = {
  type: 'object',
  properties: { accessToken: text, refreshToken: text, tokenType: text, expiresIn: { type: 'integer' } },
};

app.addHook('onRequest', async (request, reply) => {
  reply.header('x-correlation-id', request.headers['x-correlation-id'] ?? randomUUID());
  reply.header('cache-control', 'no-store');
});

app.setErrorHandler(
  (error: { validation?: unknown; statusCode?: number; message: string }, _request, reply) => {
    const status = error.validation ? 422 : (error.statusCode ?? 500);
    return reply.code(status).type('application/problem+json').send({ status, title: error.message });
  },
);

const callerOf = (request: FastifyRequest): tokens.Claims =>
  tokens.verifyAccessToken(request.headers.authorization);

app.get('/health/live', async () => ({ status: 'ok', version: '1.0.0' }));
app.get('/health/ready', async () => {
  await db.query('SELECT 1');
  return { status: 'ok' };
});

app.get('/v1/users/me', { schema: item(user) }, async (request) => {
  const { sub } = callerOf(request);
  const { rows } = await db.query({
    name: 'me',
    text: `SELECT ${USER_COLUMNS} FROM users WHERE id = $1 AND deleted_at IS NULL`,
    values: [sub],
  });
  return { data: rows[0] };
});

const listQuery = {
  type: 'object',
  properties: { limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 }, cursor: text },
  additionalProperties: false,
};
app.get('/v1/users', { schema: { querystring: listQuery, response: { 200: page } } }, async (request) => {
  callerOf(request);
  const { limit, cursor } = request.query as { limit: number; cursor?: string };
  const [createdAt, id] = cursor ? (tokens.readSigned(cursor) as [string, string]) : ['infinity', null];
  const { rows } = await db.query({
    name: 'page',
    text: `SELECT ${USER_COLUMNS} FROM users
      WHERE deleted_at IS NULL AND (created_at, id) < ($1, coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
      ORDER BY created_at DESC, id DESC LIMIT $3`,
    values: [createdAt, id, limit + 1],
  });
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const nextCursor = rows.length > limit ? tokens.sign([last.createdAt, last.id]) : null;
  return { data, meta: { limit, nextCursor } };
});

const login = body({ email: { ...text, maxLength: 254 }, password: { ...text, maxLength: 256 } }, [
  'email',
  'password',
]);
app.post('/v1/auth/login', { schema: { ...login, ...item(pair) } }, async (request) => {
  const { email, password } = request.body as { email: string; password: string };
  const { rows } = await db.query('SELECT id, role, password_hash FROM users WHERE email = $1', [email]);
  if (!(await verify(rows[0].password_hash, password))) throw new tokens.UnauthenticatedError();
  const sid = randomUUID();
  await db.query(
    `INSERT INTO sessions (id, user_id, salt, expires_at) VALUES ($1, $2, '', now() + interval '30 days')`,
    [sid, rows[0].id],
  );
  return { data: tokens.pairOf({ sub: rows[0].id, sid, role: rows[0].role }, 0) };
});

const refresh = body({ refreshToken: { ...text, maxLength: 400 } }, ['refreshToken']);
app.post('/v1/auth/refresh', { schema: { ...refresh, ...item(pair) } }, async (request) => {
  const [sid, counter] = tokens.readSigned((request.body as { refreshToken: string }).refreshToken) as [
    string,
    number,
  ];
  const { rows } = await db.query({
    name: 'refresh',
    text: `UPDATE sessions s SET rotation_counter = s.rotation_counter + 1, rotated_at = now(), last_used_at = now()
      FROM users u WHERE s.id = $1 AND s.rotation_counter = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
        AND u.id = s.user_id AND u.status = 'active' RETURNING u.id AS sub, u.role`,
    values: [sid, counter],
  });
  if (!rows[0]) throw new tokens.UnauthenticatedError();
  return { data: tokens.pairOf({ ...rows[0], sid }, counter + 1) };
});

const profile = body({ displayName: { ...text, minLength: 1, maxLength: 100 } }, []);
const UPDATE = `UPDATE users SET display_name = coalesce($2, display_name), version = version + 1, updated_at = now()
  WHERE id = $1 AND deleted_at IS NULL`;
app.patch('/v1/users/me', { schema: { ...profile, ...item(user) } }, async (request, reply) => {
  const { sub } = callerOf(request);
  const { displayName } = request.body as { displayName?: string };
  const { rows } = await db.query({
    name: 'update-me',
    text: `WITH changed AS (${UPDATE} RETURNING *)
      -- feature:webhooks begin
      , delivered AS (
        -- A delivery for each endpoint of the user that listens to the event.
        INSERT INTO webhook_deliveries
          (id, endpoint_id, event_id, event_type, payload, correlation_id, next_attempt_at)
        SELECT gen_random_uuid(), e.id, gen_random_uuid(), 'user.updated',
          jsonb_build_object('id', c.id)::text, $3, now()
        FROM changed c JOIN webhook_endpoints e ON e.user_id = c.id AND 'user.updated' = ANY (e.event_types))
      -- feature:webhooks end
      SELECT ${USER_COLUMNS}, $3::text FROM changed`,
    values: [sub, displayName, reply.getHeader('x-correlation-id')],
  });
  return { data: rows[0] };
});

await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1' });
process.once('SIGTERM', () => process.exit(0));
