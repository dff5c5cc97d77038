import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

const valid = { email: 'new@example.com', password: 'a long enough password', displayName: 'New' };

describe('a body that cannot be parsed', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const bodies: Record<string, string | Buffer> = {
    'is cut off': '{"email":"a@example.com"',
    'continues after its end': '{} {}',
    'begins with a byte order mark': '\uFEFF{}',
    'is not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    'sets a prototype': '{"__proto__":{"role":"admin"}}',
    'sets a prototype further down': '{"email":[{"__proto__":{}}]}',
    'is nested too deep': nested(22),
    'has too many values': JSON.stringify(times(10_001, () => 0)),
    'holds NaN': '{"email":NaN}',
  };

  it.each(Object.entries(bodies))('is malformed JSON when it %s', async (_name, body) => {
    const answer = await post(body);

    expect(answer).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
    expect(({} as { role?: string }).role).toBeUndefined();
  });

  it.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/octet-stream'])(
    'has an unsupported media type when it is %s',
    async (type) => {
      const answer = await post(JSON.stringify(valid), type);

      expect(answer).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
    },
  );

  it('is rejected above 100 KiB, and parsed below', async () => {
    const filled = (size: number) => JSON.stringify({ x: 'x'.repeat(size - '{"x":""}'.length) });

    const [below, beyond] = await Promise.all([post(filled(102_400)), post(filled(102_401))]);

    expect(below).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(beyond).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
  });

  it.each([
    ['nothing', undefined],
    ['an array', '[]'],
    ['a string', '"text"'],
    ['null', 'null'],
    ['a number', '1e999'],
  ])('is not valid when it is %s instead of an object', async (_name, body) => {
    const answer = await post(body);

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  });

  it('is parsed as JSON when it is a merge patch', async () => {
    const answer = await admin
      .patch('/v1/users/me', { displayName: 'Merged' })
      .set('content-type', 'application/merge-patch+json');

    expect(answer).toMatchObject({ status: 200, body: { data: { displayName: 'Merged' } } });
  });
});

describe('an email', () => {
  it.each(['r&d@example.com', 'a/b@example.com', "o'brien@example.ie", 'a@xn--80ak6aa92e.xn--p1ai'])(
    'may be %s',
    async (email) => {
      expect((await post({ ...valid, email })).status).toBe(202);
    },
  );
});

describe('a field', () => {
  it('that is missing is reported, together with every other error of the body', async () => {
    const answer = await post({ email: 'no address', extra: 1, displayName: 'x'.repeat(101) });

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(faultsOf(answer)).toEqual([
      'displayName: TOO_LONG',
      'email: INVALID_EMAIL',
      'extra: UNKNOWN_PROPERTY',
      'password: REQUIRED',
    ]);
    for (const { message } of answer.body.details) expect(message).toMatch(/\w/);
  });

  it.each([
    ['email', 1, 'INVALID_TYPE'],
    ['email', null, 'INVALID_TYPE'],
    ['email', ['a@example.com'], 'INVALID_TYPE'],
    ['email', { $ne: '' }, 'INVALID_TYPE'],
    ['email', '', 'INVALID_EMAIL'],
    ['email', 'a@example', 'INVALID_EMAIL'],
    ['email', 'a..b@example.com', 'INVALID_EMAIL'],
    ['email', '.a@example.com', 'INVALID_EMAIL'],
    ['email', 'a@-example.com', 'INVALID_EMAIL'],
    ['email', 'a@127.0.0.1', 'INVALID_EMAIL'],
    ['email', `${'a'.repeat(65)}@example.com`, 'INVALID_EMAIL'],
    ['email', 'a@b@example.com', 'INVALID_EMAIL'],
    ['email', '"a b"@example.com', 'INVALID_EMAIL'],
    ['email', 'a＠example.com', 'INVALID_EMAIL'],
    ['email', 'ä@example.com', 'INVALID_EMAIL'],
    ['email', 'a\u200b@example.com', 'INVALID_EMAIL'],
    ['email', 'a@example.com\r\nBcc: b@example.com', 'INVALID_EMAIL'],
    ['email', 'a@example.com,b@example.com', 'INVALID_EMAIL'],
    ['email', `${'a'.repeat(250)}@example.com`, 'TOO_LONG'],
    ['displayName', true, 'INVALID_TYPE'],
    ['displayName', 'x'.repeat(101), 'TOO_LONG'],
    ['displayName', '   ', 'INVALID_TEXT'],
    ['displayName', 'two\nlines', 'INVALID_TEXT'],
    ['displayName', 'a\0b', 'INVALID_TEXT'],
    ['displayName', 'half \ud83d', 'INVALID_TEXT'],
    ['password', 'nul \0 in a password', 'INVALID_TEXT'],
    ['password', 'half \udc00 in a password', 'INVALID_TEXT'],
  ])('is rejected with a specific code: %s = %p is %s', async (field, value, code) => {
    const answer = await post({ ...valid, [field]: value });

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(faultsOf(answer)).toContain(`${field}: ${code}`);
  });

  it('is returned unchanged, also if it contains HTML', async () => {
    const displayName = `<script>alert("x")</script> & 'Ünïcödé' 👩‍👩‍👧`;

    const answer = await admin.patch('/v1/users/me', { displayName });

    expect(answer.body.data.displayName).toBe(displayName);
    expect((await admin.get('/v1/users/me')).body.data.displayName).toBe(displayName);
  });
});

describe('a query', () => {
  it.each([
    ['/v1/users?colour=red', 'colour'],
    ['/v1/users/me?fields=id', 'fields'],
    ['/health/live?verbose=1', 'verbose'],
    ['/v1/users?id[$ne]=1', 'id[$ne]'],
    ['/v1/users?__proto__=1', '__proto__'],
  ])('with an unknown parameter is rejected: %s', async (path, parameter) => {
    const answer = await admin.get(path);

    expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(faultsOf(answer)).toEqual([`${parameter}: UNKNOWN_PROPERTY`]);
  });

  it.each(['limit=1&limit=2', 'status=active&status=suspended', 'cursor=a&cursor=b', 'email=a&email=b'])(
    'with a duplicate parameter is rejected: %s',
    async (query) => {
      const answer = await admin.get(`/v1/users?${query}`);

      expect(answer).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    },
  );

  it.each([
    ['limit=0', 'limit: TOO_SMALL'],
    ['limit=-1', 'limit: TOO_SMALL'],
    ['limit=101', 'limit: TOO_BIG'],
    ['limit=1000000000', 'limit: TOO_BIG'],
    ['limit=abc', 'limit: INVALID_TYPE'],
    ['limit=1.5', 'limit: INVALID_TYPE'],
    ['limit=', 'limit: TOO_SMALL'],
    ['sort=passwordHash', 'sort: INVALID_VALUE'],
    ['sort=createdAt;DROP', 'sort: INVALID_VALUE'],
    ['status=deleted', 'status: INVALID_VALUE'],
    ['email=%00', 'email: INVALID_TEXT'],
  ])('is checked like a body: %s is %s', async (query, fault) => {
    const answer = await admin.get(`/v1/users?${query}`);

    expect(answer.status).toBe(422);
    expect(faultsOf(answer)).toEqual([fault]);
  });
});

interface Answer {
  body: { details: { path: string; code: string; message: string }[] };
}

const faultsOf = ({ body }: Answer): string[] =>
  body.details.map(({ path, code }) => `${path}: ${code}`).toSorted();

/** Strings and bytes are sent unchanged. */
function post(body: object | string | undefined, type = 'application/json') {
  const request = app.http().post('/v1/auth/register').set('content-type', type);
  if (body === undefined) return request;
  return Buffer.isBuffer(body) ? request.serialize((bytes) => bytes).send(body) : request.send(body);
}
