import { describe, expect, it } from '@jest/globals';
import { breakingGraphqlChanges } from '../../scripts/breaking-changes/graphql.ts';
import { breakingChanges } from '../../scripts/breaking-changes/openapi.ts';
import type { Schema } from '../../scripts/breaking-changes/schemas.ts';

type SchemaName = 'Thing' | 'NewThing';
type ObjectSchema = Schema & { properties: Record<string, Schema>; required: string[] };

const json = (schema: Schema) => ({ 'application/json': { schema } });
const thing = { $ref: '#/components/schemas/Thing' };
const newThing = { $ref: '#/components/schemas/NewThing' };

const documentBefore = () => ({
  paths: {
    '/things': {
      get: {
        operationId: 'listThings',
        security: [] as object[],
        parameters: [
          { name: 'color', in: 'query', required: false, schema: { enum: ['red', 'green'] } },
          { name: 'If-None-Match', in: 'header', schema: { type: 'string' } },
        ],
        responses: {
          200: {
            content: json({ type: 'array', items: thing }),
            headers: { ETag: { schema: { type: 'string' } } },
          },
          404: { content: { 'application/problem+json': { schema: { type: 'object' } } } },
        },
      },
      post: {
        operationId: 'createThing',
        requestBody: { required: false, content: json(newThing) },
        responses: { 201: { content: json(thing) } },
      },
    },
  },
  webhooks: {
    'thing.created': { post: { requestBody: { required: true, content: json(thing) } } },
  },
  components: {
    schemas: {
      Thing: {
        type: 'object',
        required: ['id', 'size'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          size: { type: 'number' },
          color: { enum: ['red', 'green'] },
          note: { type: 'string' },
          parent: { anyOf: [thing, { type: 'null' }] },
        },
      },
      NewThing: {
        type: 'object',
        additionalProperties: false,
        required: ['size'],
        properties: {
          size: { type: 'integer', minimum: 1 },
          color: { enum: ['red', 'green'] },
          name: { type: 'string', maxLength: 10 },
          note: { type: ['string', 'null'] },
        },
      },
    } satisfies Record<string, Schema> as Record<SchemaName, ObjectSchema>,
  },
});

type TestDocument = ReturnType<typeof documentBefore>;
type Change = [what: string, change: (document: TestDocument) => void, sentence: string];

const changesBy = (change: (document: TestDocument) => void): string[] => {
  const after = documentBefore();
  change(after);
  return breakingChanges(documentBefore(), after);
};

const property = (document: TestDocument, schema: SchemaName, name: string) =>
  document.components.schemas[schema].properties[name]!;

const breaking: Change[] = [
  ['a removed operation', ({ paths }) => drop(paths['/things'], 'post'), 'POST /things was removed.'],
  ['a removed path', ({ paths }) => drop(paths, '/things'), 'GET /things was removed.'],
  [
    'another operationId',
    ({ paths }) => (paths['/things'].get.operationId = 'getThings'),
    'The operationId listThings became getThings, which renames the method of generated clients (GET /things).',
  ],
  [
    'a new need for a token',
    ({ paths }) => paths['/things'].get.security.push({ bearer: [] }),
    'An access token is now required (GET /things).',
  ],
  [
    'a removed parameter',
    ({ paths }) => paths['/things'].get.parameters.shift(),
    'Request: the query parameter color was removed (GET /things).',
  ],
  [
    'a required parameter',
    ({ paths }) => (paths['/things'].get.parameters[0]!.required = true),
    'Request: the query parameter color is now required (GET /things).',
  ],
  [
    'a removed status',
    ({ paths }) => drop(paths['/things'].post.responses, '201'),
    'Response: the status 201 was removed (POST /things).',
  ],
  [
    'a removed response header',
    ({ paths }) => drop(paths['/things'].get.responses[200].headers, 'ETag'),
    'Response: the header ETag was removed (GET /things).',
  ],
  [
    'a required body',
    ({ paths }) => (paths['/things'].post.requestBody.required = true),
    'Request: a body is now required (POST /things).',
  ],
  [
    'a removed response property, once for all its operations and events',
    (document) => drop(document.components.schemas.Thing.properties, 'size'),
    'Response: Thing.size was removed (GET /things, POST /things, Event thing.created).',
  ],
  [
    'a response property that may be missing',
    (document) => document.components.schemas.Thing.required.pop(),
    'Response: Thing.size may now be missing (GET /things, POST /things, Event thing.created).',
  ],
  [
    'a response property that may be null',
    (document) => (property(document, 'Thing', 'note').type = ['string', 'null']),
    'Response: Thing.note may now be null (GET /things, POST /things, Event thing.created).',
  ],
  [
    'another type of a response property',
    (document) => (property(document, 'Thing', 'note').type = 'integer'),
    'Response: Thing.note may now be integer (GET /things, POST /things, Event thing.created).',
  ],
  [
    'another format of a response property',
    (document) => (property(document, 'Thing', 'id').format = 'date-time'),
    'Response: Thing.id has another format: "uuid" became "date-time" (GET /things, POST /things, Event thing.created).',
  ],
  [
    'a new value in a response',
    (document) => property(document, 'Thing', 'color').enum!.push('blue'),
    'Response: Thing.color may now be "blue" (GET /things, POST /things, Event thing.created).',
  ],
  ['a removed event', ({ webhooks }) => drop(webhooks, 'thing.created'), 'Event thing.created was removed.'],
  [
    'a new required request property',
    (document) => {
      document.components.schemas.NewThing.properties['weight'] = { type: 'number' };
      document.components.schemas.NewThing.required.push('weight');
    },
    'Request: NewThing.weight is new and required (POST /things).',
  ],
  [
    'an optional request property that becomes required',
    (document) => document.components.schemas.NewThing.required.push('name'),
    'Request: NewThing.name is now required (POST /things).',
  ],
  [
    'a removed request property',
    (document) => drop(document.components.schemas.NewThing.properties, 'name'),
    'Request: NewThing.name was removed (POST /things).',
  ],
  [
    'a narrowed enum',
    (document) => property(document, 'NewThing', 'color').enum!.pop(),
    'Request: NewThing.color no longer accepts "green" (POST /things).',
  ],
  [
    'another type of a request property',
    (document) => (property(document, 'NewThing', 'size').type = 'string'),
    'Request: NewThing.size no longer accepts integer (POST /things).',
  ],
  [
    'a request property that may no longer be null',
    (document) => (property(document, 'NewThing', 'note').type = 'string'),
    'Request: NewThing.note no longer accepts null (POST /things).',
  ],
  [
    'a shorter maximum length',
    (document) => (property(document, 'NewThing', 'name').maxLength = 5),
    'Request: NewThing.name has a narrower maxLength: 5 (POST /things).',
  ],
  [
    'a new pattern',
    (document) => (property(document, 'NewThing', 'name').pattern = '^a'),
    'Request: NewThing.name has another pattern: none became "^a" (POST /things).',
  ],
];

const harmless: [what: string, change: (document: TestDocument) => void][] = [
  ['no change', () => {}],
  [
    'a new operation',
    ({ paths }) => Object.assign(paths, { '/others': { get: { operationId: 'listOthers', responses: {} } } }),
  ],
  [
    'a new optional parameter',
    ({ paths }) =>
      paths['/things'].get.parameters.push({
        name: 'size',
        in: 'query',
        required: false,
        schema: {} as never,
      }),
  ],
  [
    'a new value of a parameter',
    ({ paths }) => (paths['/things'].get.parameters[0]!.schema = { enum: ['red', 'green', 'blue'] }),
  ],
  [
    'a new optional request property',
    (document) => (document.components.schemas.NewThing.properties['weight'] = { type: 'number' }),
  ],
  [
    'a new response property',
    (document) => {
      document.components.schemas.Thing.properties['weight'] = { type: 'number' };
      document.components.schemas.Thing.required.push('weight');
    },
  ],
  ['a value that is no longer sent', (document) => property(document, 'Thing', 'color').enum!.pop()],
  ['a wider type in a request', (document) => (property(document, 'NewThing', 'size').type = 'number')],
  ['a narrower type in a response', (document) => (property(document, 'Thing', 'size').type = 'integer')],
  ['a longer maximum length', (document) => (property(document, 'NewThing', 'name').maxLength = 20)],
  ['a removed limit', (document) => delete property(document, 'NewThing', 'size')['minimum']],
  [
    'a property that is no longer required',
    (document) => document.components.schemas.NewThing.required.pop(),
  ],
  ['an error that is no longer sent', ({ paths }) => drop(paths['/things'].get.responses, '404')],
  [
    'a new error',
    ({ paths }) =>
      Object.assign(paths['/things'].post.responses, { 409: { content: json({ type: 'object' }) } }),
  ],
  ['a new description', (document) => (property(document, 'Thing', 'note')['description'] = 'New.')],
];

function drop(object: object, key: string): void {
  delete (object as Record<string, unknown>)[key];
}

describe('the check of openapi.json against the last release', () => {
  it.each(breaking)('reports %s', (_what, change, sentence) => {
    expect(changesBy(change)).toContain(sentence);
  });

  it.each(harmless)('allows %s', (_what, change) => {
    expect(changesBy(change)).toEqual([]);
  });
});

describe('the check of schema.graphql against the last release', () => {
  const before =
    'type Query { me: User! } type User { id: ID! name(short: Boolean): String! color: Color } enum Color { RED GREEN }';

  it.each([
    ['a removed field', 'name(short: Boolean): String!', '', /User.*name|name.*User/],
    ['a removed argument', '(short: Boolean)', '', /short/],
    ['a required argument', 'short: Boolean', 'short: Boolean!', /short/],
    ['a field that may be null', 'id: ID!', 'id: ID', /User\.id/],
    ['a removed value', 'RED GREEN', 'RED', /GREEN/],
  ])('reports %s', async (_what, from, to, sentence) => {
    const changes = await breakingGraphqlChanges(before, before.replace(from, to));

    expect(changes).toEqual([expect.stringMatching(sentence)]);
  });

  it.each([
    ['a new field', 'id: ID!', 'id: ID! size: Int'],
    ['an optional argument', 'short: Boolean', 'short: Boolean, upper: Boolean'],
    ['a field that is no longer null', 'color: Color', 'color: Color!'],
  ])('allows %s', async (_what, from, to) => {
    expect(await breakingGraphqlChanges(before, before.replace(from, to))).toEqual([]);
  });
});
