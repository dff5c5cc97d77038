import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { buildSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn, visitor } from '../support/client.ts';
import { GraphqlSocket } from '../support/graphql-socket.ts';
import { graphql, resultOf } from '../support/graphql.ts';
import { captureLogs } from '../support/logs.ts';
import type { Program } from '../support/program.ts';

const TEXT = '{ me { id } }';
const SUBSCRIPTION = 'subscription { notificationAdded { id } }';
const OTHER = '{ me { email } }';
const idOf = (text: string) => createHash('sha256').update(text).digest('hex');

const MANIFEST = join(mkdtempSync(join(tmpdir(), 'trusted-')), 'documents.json');
writeFileSync(
  MANIFEST,
  JSON.stringify(Object.fromEntries([TEXT, SUBSCRIPTION].map((text) => [idOf(text), text]))),
);

const trusted = (mode: string) => ({ GRAPHQL_TRUSTED_DOCUMENTS: mode, GRAPHQL_DOCUMENTS_FILE: MANIFEST });

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ settings: trusted('audit') });
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('schema.graphql', () => {
  it('is the schema that is served', () => {
    const committed = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');
    const { schema } = app.api.get(GraphQLSchemaHost, { strict: false });

    expect(printSchema(lexicographicSortSchema(buildSchema(committed)))).toBe(
      printSchema(lexicographicSortSchema(schema)),
    );
  });

  it('can be read by tools outside production', async () => {
    const { data } = await graphql(
      user,
      '{ schema: __schema { queryType { fields { name args { type { ofType { ofType { name } } } } } } } }',
    );

    expect(data.schema.queryType.fields).toContainEqual(expect.objectContaining({ name: 'me' }));
  });
});

describe('trusted documents', () => {
  it('run by id in each mode, with or without a prefix', async () => {
    for (const documentId of [idOf(TEXT), `sha256:${idOf(TEXT)}`]) {
      const { data } = resultOf(await user.post('/graphql', { documentId }));
      expect(data.me.id).toBe(user.user.id);
    }
  });

  it('are rejected when the id is that of another document', async () => {
    const { codes } = resultOf(await user.post('/graphql', { documentId: idOf(TEXT), query: OTHER }));

    expect(codes).toEqual(['GRAPHQL_UNKNOWN_DOCUMENT']);
  });

  it('in audit: run and log what is not registered', async () => {
    const logs = captureLogs(app.api);

    const [known, unknown] = [await graphql(user, TEXT), await graphql(user, OTHER)];

    expect([known.codes, unknown.codes]).toEqual([[], []]);
    expect(logs.lines().filter(({ msg }) => msg === 'Unregistered GraphQL document')).toEqual([
      expect.objectContaining({ documentId: idOf(OTHER), userId: user.user.id }),
    ]);
  });

  it('in enforce: reject what is not registered, over HTTP and WebSocket', async () => {
    const other = await app.startAnother(trusted('enforce'));
    const send = async (body: object) => resultOf(await user.post('/graphql', body, other));

    expect(await send({ query: TEXT })).toMatchObject({ status: 200, codes: [] });
    expect(await send({ query: OTHER })).toMatchObject({ status: 400, codes: ['GRAPHQL_UNKNOWN_DOCUMENT'] });
    expect(await send({ query: `${TEXT} ` })).toMatchObject({ codes: ['GRAPHQL_UNKNOWN_DOCUMENT'] });
    const socket = await GraphqlSocket.connect(other.url, user.accessToken);
    socket.subscribe('1', SUBSCRIPTION);
    socket.subscribe('2', 'subscription { notificationAdded { title } }');
    expect(await socket.received('error')).toEqual([
      expect.objectContaining({
        id: '2',
        payload: [
          expect.objectContaining({
            extensions: expect.objectContaining({ code: 'GRAPHQL_UNKNOWN_DOCUMENT' }),
          }),
        ],
      }),
    ]);
    socket.close();
  });

  it('stop the start when the list is damaged', async () => {
    const damaged = join(mkdtempSync(join(tmpdir(), 'trusted-')), 'documents.json');
    writeFileSync(damaged, JSON.stringify({ [idOf(TEXT)]: OTHER }));

    await expect(app.startAnother({ GRAPHQL_DOCUMENTS_FILE: damaged })).rejects.toThrow(
      /GRAPHQL_DOCUMENTS_FILE: can't read the list/,
    );
  });
});

describe('in production', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  let production: Program;
  let accessToken: string;

  beforeAll(async () => {
    production = await app.startAnother({
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://api.example.com',
      FRONTEND_URL: 'https://example.com',
      SECRET_KEYS: randomBytes(32).toString('base64'),
      JWT_KEYS: JSON.stringify({ 'active-test.pem': pem }),
      SMTP_URL: 'smtps://localhost:1',
      FILES_STORAGE: 'local',
      RATE_LIMIT_FACTOR: '100',
      PASSWORD_HASH_MEMORY_KIB: '',
      PASSWORD_HASH_PASSES: '',
      ...trusted('off'),
    });
    const { body } = await visitor(app, production).signIn(user.user.email);
    accessToken = body.data.accessToken;
  });

  const run = async (query: string) => {
    const request = app.http(production).post('/graphql').set('authorization', `Bearer ${accessToken}`);
    return resultOf(await request.send({ query }));
  };

  it('the schema can not be read', async () => {
    const { status, codes, data } = await run('{ __schema { types { name } } }');

    expect({ status, data }).toEqual({ status: 400, data: undefined });
    expect(new Set(codes)).toEqual(new Set(['GRAPHQL_INVALID']));
    expect((await run('{ me { __typename } }')).data).toEqual({ me: { __typename: 'User' } });
  });

  it('errors suggest no names', async () => {
    const texts = await Promise.all(
      ['{ my { id } }', '{ me { displayNames } }', '{ jobs(firs: 1) { edges { cursor } } }'].map(run),
    );
    const inputs = await run('mutation { updateMe(input: { displayNam: "x" }) { id } }');
    const enums = await run('{ jobs(status: complete) { edges { cursor } } }');

    const messages = [...texts, inputs, enums].flatMap(({ errors }) => errors!.map(({ message }) => message));
    expect(messages.length).toBeGreaterThanOrEqual(5);
    expect(messages.filter((message) => /did you mean|completed|displayName"/i.test(message))).toEqual([]);
  });

  it('there is no GraphiQL', async () => {
    const response = await app.http(production).get('/graphiql');

    expect(response.status).toBe(404);
  });
});

describe('with GRAPHQL=off', () => {
  it('there is no /graphql, and the rest works', async () => {
    const other = await app.startAnother({ GRAPHQL: 'off' });

    expect((await user.post('/graphql', { query: TEXT }, other)).status).toBe(404);
    expect((await user.get('/v1/users/me', other)).status).toBe(200);
    const socket = await GraphqlSocket.open(other.url);
    expect((await socket.untilClosed()).code).toBe(1006);
  });
});
