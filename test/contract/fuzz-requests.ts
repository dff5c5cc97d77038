import fc, { type Arbitrary } from 'fast-check';
import { createHmac } from 'node:crypto';
import type { Operation } from '../support/openapi.ts';
import { bodyOf, oddText, type Schema, valueOf } from './fuzz-values.ts';

export type FuzzCaller = 'anonymous' | 'user' | 'admin';

/** A request without the credentials, so that a failure can be read and repeated. */
export interface FuzzRequest {
  caller: FuzzCaller;
  url: string;
  headers: Record<string, string>;
  payload?: string | undefined;
}

/** Values that only a running application knows. */
export interface FuzzContext {
  /** Ids of resources of each caller. */
  ids: Record<FuzzCaller, string[]>;
  cursors: string[];
  /** A valid body. */
  example: object;
  webhookSecret: string;
}

type Parameter = NonNullable<Operation['parameters']>[number];

const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
/** Values of path parameters other than ids. */
const NAMES = ['github', 'github', 'google', 'apple', 'standard', 'NOT_FOUND', 'RATE_LIMITED'];
/** Sent as they are: not all are valid in a path. */
const RAW_SEGMENTS = [
  '%',
  '%zz',
  '%00',
  '%ff',
  '..',
  '.',
  '%2e%2e',
  '%2F',
  '*',
  '',
  '~',
  "'",
  '[',
  'x'.repeat(300),
];
const RAW_QUERIES = [
  '&',
  '=',
  'limit',
  'limit=1&limit=2',
  'limit[]=1',
  'a[b]=c',
  '__proto__=1',
  '%',
  '%00=%00',
  '?',
  '#',
];
const RAW_BODIES = [
  '',
  ' ',
  '{',
  '[',
  'null',
  '1e400',
  '{"a":1e400}',
  '\ufeff{}',
  '{}{}',
  '"x"',
  '{"a":1,"a":2}',
  '[]',
];

const encode = (value: unknown): string =>
  encodeURIComponent((typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed());

export const requestsOf = (operation: Operation, context: FuzzContext): Arbitrary<FuzzRequest> =>
  fc
    .oneof(
      { weight: 1, arbitrary: fc.constant<FuzzCaller>('anonymous') },
      { weight: 3, arbitrary: fc.constant<FuzzCaller>('user') },
      { weight: 5, arbitrary: fc.constant<FuzzCaller>('admin') },
    )
    .chain((caller) => requestsOfCaller(caller, operation, context));

function requestsOfCaller(
  caller: FuzzCaller,
  operation: Operation,
  context: FuzzContext,
): Arbitrary<FuzzRequest> {
  return fc
    .record({
      path: pathOf(operation, context.ids[caller], Object.values(context.ids).flat()),
      query: queryOf(operation, context),
      headers: headersOf(operation),
      body: payloadOf(operation, context),
    })
    .map(({ path, query, headers, body }) => ({
      caller,
      url: query ? `${path}?${query}` : path,
      headers: { ...body.headers, ...headers },
      payload: body.payload,
    }));
}

function pathOf({ path, parameters = [] }: Operation, own: string[], others: string[]): Arbitrary<string> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const values = names.map((name) => {
    const { schema } = parameters.find((one) => one.name === name && one.in === 'path')!;
    const known = name === 'id' ? [...others, UNKNOWN_ID] : NAMES;
    const valid = name === 'id' && own.length > 0 ? own : known;
    return fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...valid) },
      { weight: 2, arbitrary: fc.constantFrom(...known) },
      valueOf(schema).map(encode),
      oddText.map(encode),
      fc.constantFrom(...RAW_SEGMENTS),
    );
  });
  return fc.tuple(...values).map((found) => path.replaceAll(/\{\w+\}/g, () => found.shift()!));
}

function queryOf({ parameters = [] }: Operation, { cursors }: FuzzContext): Arbitrary<string> {
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const odd = fc.tuple(
    fc.oneof(fc.constantFrom('unknown', ...inQuery.map(({ name }) => name)), oddText),
    fc.oneof(oddText, fc.constantFrom(...cursors, ...cursors.map((cursor) => cursor.slice(0, -2)))),
  );
  const documented = inQuery.map(({ name, schema }) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(valueOf(schema as Schema), fc.constantFrom('', ...cursorsOf(name, cursors))),
    ),
  );
  const pair = fc
    .oneof(odd, ...documented.map((arbitrary) => ({ weight: 3, arbitrary })))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const pairs = fc.array(pair, { maxLength: 3 }).map((some) => some.join('&'));
  return fc.oneof(
    { weight: inQuery.length > 0 ? 2 : 12, arbitrary: fc.constant('') },
    { weight: inQuery.length > 0 ? 10 : 1, arbitrary: pairs },
    fc.constantFrom(...RAW_QUERIES),
  );
}

const cursorsOf = (name: string, cursors: string[]): string[] => (name === 'cursor' ? cursors : []);

/** What Node's parser accepts in a header. */
const headerText = oddText.map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 1_000));

const HEADERS: Record<string, string[]> = {
  'if-match': ['*', '"1"', '"0"', 'W/"1"', '"1", "2"', '"-1"', '"99999999999999999999"', '1', '"1'],
  'if-none-match': ['*', '"1"', 'W/"1"', ',', '"'],
  'idempotency-key': ['', 'x', 'x'.repeat(255), 'x'.repeat(256), 'ä', 'a\tb', '"quoted"'],
  'x-correlation-id': ['', 'x'.repeat(128), 'x'.repeat(129), '../..', 'ä'],
  'content-type': [
    'text/plain',
    'application/json; charset=utf-16',
    'application/json2',
    'multipart/form-data',
    '',
    ';',
    'a/b;c',
  ],
  'content-encoding': ['gzip', 'identity', 'br', 'x'],
  authorization: ['', 'Bearer', 'Bearer ', 'Bearer a.b.c', 'Basic YTpi', 'bearer x'],
  accept: ['text/html', '', '*/*;q=0'],
  cookie: ['__Host-refresh=x', '__Host-refresh=%00; a=', '=', ';'],
  origin: ['null', 'https://evil.example', ''],
  traceparent: ['00-0-0-00', '00-00000000000000000000000000000000-0000000000000000-00'],
  'last-event-id': ['', 'x', UNKNOWN_ID, '-1'],
  'user-agent': ['', 'x'.repeat(500)],
  'x-forwarded-for': ['1.2.3.4', 'x', '::1, ,'],
  'sec-fetch-mode': ['navigate'],
  'sec-fetch-site': ['same-origin', 'same-origin', 'cross-site'],
  range: ['bytes=0-', 'bytes=-1'],
};

function headersOf({ parameters = [] }: Operation): Arbitrary<Record<string, string>> {
  const documented = parameters
    .filter((one: Parameter) => one.in === 'header')
    .map(({ name }) => name.toLowerCase());
  const names = [...Object.keys(HEADERS), ...documented.flatMap((name) => [name, name, name])];
  const header = fc
    .constantFrom(...names)
    .chain((name) =>
      fc.tuple(fc.constant(name), fc.oneof(fc.constantFrom(...(HEADERS[name] ?? [''])), headerText)),
    );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    fc.array(header, { minLength: 1, maxLength: 2 }).map((some) => Object.fromEntries(some)),
  );
}

interface Payload {
  headers: Record<string, string>;
  payload?: string | undefined;
}

function payloadOf(operation: Operation, context: FuzzContext): Arbitrary<Payload> {
  const [mediaType, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const none = fc.constant<Payload>({ headers: {} });
  const raw = fc
    .constantFrom(...RAW_BODIES)
    .map((payload) => ({ headers: { 'content-type': mediaType ?? 'application/json' }, payload }));
  if (!mediaType) return fc.oneof({ weight: 6, arbitrary: none }, raw);
  const schema = (content?.schema ?? {}) as Schema;
  const valid = bodies(mediaType, schema, context).map((payload) => ({
    headers: { 'content-type': mediaType, ...signature(operation, payload, context) },
    payload,
  }));
  return fc.oneof({ weight: 10, arbitrary: valid }, raw, none);
}

function bodies(mediaType: string, schema: Schema, { example }: FuzzContext): Arbitrary<string> {
  if (mediaType === 'text/csv') return csv;
  const values = bodyOf(schema, example);
  if (mediaType === 'application/json') return values.map((value) => JSON.stringify(value) ?? '');
  return values.map((value) => {
    const fields = Object.entries(Object(value) as object).map(
      ([name, field]) => `${encode(name)}=${encode(field)}`,
    );
    return fields.join('&');
  });
}

const csv: Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(
      'email,displayName',
      'email,displayName,role',
      '\ufeffemail,displayName',
      'email',
      '',
      '"',
    ),
    fc.array(fc.array(fc.oneof(fc.emailAddress(), oddText), { maxLength: 4 }), { maxLength: 4 }),
    fc.constantFrom('\n', '\r\n', '\r'),
  )
  .map(([header, rows, end]) => [header, ...rows.map((row) => row.join(','))].join(end));

/** A valid signature, because without it the rest of an inbound webhook is not read. */
const signature = (
  { operationId }: Operation,
  payload: string,
  { webhookSecret }: FuzzContext,
): Record<string, string> =>
  operationId === 'receiveWebhook'
    ? {
        'x-hub-signature-256': `sha256=${createHmac('sha256', webhookSecret).update(payload).digest('hex')}`,
        'x-github-delivery': UNKNOWN_ID,
        'x-github-event': 'ping',
      }
    : {};
