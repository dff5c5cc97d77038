import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { UsersService } from '../../src/users/users.service.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql, resultOf } from '../support/graphql.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
});

afterAll(() => app.stop());

const chain = (levels: number) =>
  `{ notifications { edges { node { ${'job { owner { '.repeat(levels)} id ${'} }'.repeat(levels)} } } } }`;
/** Each fragment uses the next one twice: 2^n fields. */
const bomb = (fragments: number) =>
  `{ me { ...F0 } } ${times(fragments, (index) => `fragment F${index} on User { ...F${index + 1} ...F${index + 1} }`).join(' ')}
   fragment F${fragments} on User { a: id }`;

describe('an operation', () => {
  it.each([
    [
      'at the depth limit',
      '{ notifications { edges { node { job { error { code } owner { displayName } } } } } }',
      [],
    ],
    ['nested too deep', chain(2), ['GRAPHQL_TOO_DEEP']],
    [
      'nested too deep in fragments',
      `{ notifications { edges { node { ...N } } } }
       fragment N on Notification { job { ...J } } fragment J on Job { owner { ...U } } fragment U on User { x { y { z } } }`,
      ['GRAPHQL_TOO_DEEP'],
    ],
    [
      'with a fragment that contains itself',
      '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
      ['GRAPHQL_TOO_DEEP'],
    ],
    ['at the alias limit', `{ ${times(15, (index) => `a${index}: me { id }`).join(' ')} }`, []],
    [
      'with too many aliases',
      `{ ${times(16, (index) => `a${index}: me { id }`).join(' ')} }`,
      ['GRAPHQL_TOO_MANY_ALIASES'],
    ],
    ['with aliases multiplied by fragments', bomb(5), ['GRAPHQL_TOO_MANY_ALIASES']],
    ['with exponential fragments', bomb(40), ['GRAPHQL_TOO_MANY_ALIASES']],
    ['with a long comment', `# ${'x'.repeat(40_000)}\n{ me { id } }`, ['GRAPHQL_TOO_LARGE']],
    [
      'at the cost limit',
      `{ jobs(first: 100) { edges { node { ${'id '.repeat(49)} } } } ${'me { id } '.repeat(49)} }`,
      [],
    ],
    ['too costly', '{ jobs(first: 2500) { edges { node { id status } } } }', ['GRAPHQL_TOO_COSTLY']],
    [
      'with an absurd page size',
      '{ jobs(first: 99999999) { edges { node { id } } } }',
      ['GRAPHQL_TOO_COSTLY'],
    ],
    [
      'too costly in many pages',
      `{ ${times(15, (index) => `a${index}: jobs(first: 100) { edges { node { id type status progress } } }`).join(' ')} }`,
      ['GRAPHQL_TOO_COSTLY'],
    ],
  ])('%s', async (_case, query, expected) => {
    const { codes, status } = await graphql(user, query);

    expect({ codes, status }).toEqual({ codes: expected, status: expected.length > 0 ? 400 : 200 });
  });

  it('may have 1,000 tokens', async () => {
    // There are 24 tokens around the list.
    const withTokens = (count: number) =>
      `mutation { startJob(input: { type: "x", input: { a: [${'1 '.repeat(count - 24)}] } }) { id } }`;

    const [most, more] = [await graphql(user, withTokens(1_000)), await graphql(user, withTokens(1_001))];

    expect(most).toMatchObject({ status: 200, codes: ['VALIDATION_FAILED'] });
    expect(more).toMatchObject({ status: 400, codes: ['GRAPHQL_TOO_LARGE'] });
  });

  it('counts the page size of a variable and of its default', async () => {
    const body = (first: string) =>
      `query ($first: Int${first}) { jobs(first: $first) { edges { node { id } } } }`;

    const given = await graphql(user, body(''), { first: 5_000 });
    const byDefault = await graphql(user, body(' = 5000'));
    const without = await graphql(user, body(''));

    expect([given.codes, byDefault.codes, without.codes]).toEqual([
      ['GRAPHQL_TOO_COSTLY'],
      ['GRAPHQL_TOO_COSTLY'],
      [],
    ]);
  });

  it('is rejected before any resolver runs', async () => {
    const get = jest.spyOn(app.api.get(UsersService), 'get');

    const { data } = await graphql(
      user,
      `{ me { id } ${times(16, (index) => `a${index}: me { id }`).join(' ')} }`,
    );

    expect(data).toBeUndefined();
    expect(get).not.toHaveBeenCalled();
    get.mockRestore();
  });

  it('counts each root field like a request', async () => {
    const limited = await app.startAnother({ RATE_LIMIT_FACTOR: '0.1' });
    const caller = await signedIn(app);
    const query = `{ ${times(10, (index) => `a${index}: me { id }`).join(' ')} }`;

    const responses = [];
    for (let count = 0; count < 4; count += 1)
      responses.push(await caller.post('/graphql', { query }, limited).then(resultOf));

    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(responses[2]?.codes).toEqual([]);
    expect(responses[3]).toMatchObject({ codes: ['RATE_LIMITED'] });
  });
});

describe('a request', () => {
  it.each([
    ['a batch', [{ query: '{ me { id } }' }], 400, 'GRAPHQL_BATCH_REFUSED'],
    ['an empty batch', [], 400, 'GRAPHQL_BATCH_REFUSED'],
    ['no query', {}, 422, 'VALIDATION_FAILED'],
    ['an unknown property', { query: '{ me { id } }', extra: 1 }, 422, 'VALIDATION_FAILED'],
    ['variables that are a list', { query: '{ me { id } }', variables: [] }, 422, 'VALIDATION_FAILED'],
    ['an empty document', { query: '' }, 400, 'GRAPHQL_INVALID'],
    ['a syntax error', { query: '{ me { id }' }, 400, 'GRAPHQL_INVALID'],
    ['a serialized document', { query: '{"kind":"Document","definitions":[]}' }, 400, 'GRAPHQL_INVALID'],
    ['an unknown field', { query: '{ me { passwordHash } }' }, 400, 'GRAPHQL_INVALID'],
    [
      'a variable of the wrong type',
      { query: 'query ($n: Int) { jobs(first: $n) { edges { cursor } } }', variables: { n: 'x' } },
      400,
      'GRAPHQL_INVALID',
    ],
    ['a missing variable', { query: 'query ($id: ID!) { job(id: $id) { id } }' }, 400, 'GRAPHQL_INVALID'],
    [
      'an unknown operation name',
      { query: 'query A { me { id } }', operationName: 'B' },
      400,
      'GRAPHQL_INVALID',
    ],
    ['a subscription', { query: 'subscription { notificationAdded { id } }' }, 400, 'GRAPHQL_INVALID'],
    ['an unknown document id', { documentId: 'sha256:00' }, 400, 'GRAPHQL_UNKNOWN_DOCUMENT'],
  ])('with %s is rejected', async (_case, body, status, code) => {
    const response = resultOf(await user.post('/graphql', body));

    expect(response).toMatchObject({ status, codes: [code] });
    expect(response.data).toBeUndefined();
    expect(response.errors?.[0]).toMatchObject({
      message: expect.any(String),
      extensions: { correlationId: expect.any(String) },
    });
  });

  it('reports each validation error with its place', async () => {
    const { errors } = await graphql(user, '{ me { one two } }');

    expect(errors?.map(({ message }) => message)).toEqual([
      expect.stringContaining('"one"'),
      expect.stringContaining('"two"'),
    ]);
    expect(errors?.[0]).toMatchObject({ locations: [{ line: 1, column: 8 }] });
  });

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/graphql', 415],
    ['application/merge-patch+json', 415],
  ])('of type %s is rejected, so that no form can send one', async (type, status) => {
    const response = await user.post('/graphql').set('content-type', type).send('{"query":"{ me { id } }"}');

    expect(resultOf(response)).toMatchObject({ status, codes: ['UNSUPPORTED_MEDIA_TYPE'] });
  });

  it('that is malformed or too large has an error in the shape of GraphQL', async () => {
    const json = user.post('/graphql').set('content-type', 'application/json');
    const malformed = resultOf(await json.send('{'));
    const large = resultOf(await user.post('/graphql', { query: 'x'.repeat(110_000) }));

    expect(malformed).toMatchObject({ status: 400, codes: ['MALFORMED_JSON'] });
    expect(large).toMatchObject({ status: 413, codes: ['PAYLOAD_TOO_LARGE'] });
  });

  it('with GET is rejected', async () => {
    const response = await user.get('/graphql?query={me{id}}');

    expect(response).toMatchObject({ status: 405, headers: { allow: 'POST' } });
  });

  it('gets the media type that it asks for', async () => {
    const accept = 'application/graphql-response+json';
    const request = () => user.post('/graphql', { query: '{ me { id } }' });

    expect((await request()).headers['content-type']).toBe('application/json; charset=utf-8');
    expect((await request().set('accept', accept)).headers['content-type']).toBe(`${accept}; charset=utf-8`);
  });
});
