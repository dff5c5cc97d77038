import { type Direction, type Schema, SchemaComparison } from './schemas.ts';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
}

type Content = Record<string, { schema?: Schema }>;

interface Operation {
  operationId?: string;
  security?: object[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses?: Record<string, { content?: Content; headers?: Record<string, object> }>;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  webhooks?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** A change with the operation it is in. The same change of a shared schema is reported once. */
interface Change {
  text: string;
  operation?: string;
}

interface OperationPair {
  before: Operation;
  after: Operation;
}

const NAMED_MAX = 3;
const LABELS = { request: 'Request', response: 'Response' };

/** One sentence per change of the document that breaks a client of the earlier one. */
export function breakingChanges(before: OpenApi, after: OpenApi): string[] {
  const compare = comparer(before, after);
  const changes = [
    pairsOf(before.paths, after.paths).map(([name, pair]) =>
      pair
        ? operationChanges(pair, compare).map((change) => ({ ...change, operation: name }))
        : removed(name),
    ),
    pairsOf(before.webhooks ?? {}, after.webhooks ?? {}).map(([name, pair]) => {
      const event = `Event ${name.split(' ')[1]}`;
      // The server sends the body of an event, so for the client it is a response.
      return pair
        ? bodyChanges(pair, 'response', compare).map((text) => ({ text, operation: event }))
        : removed(event);
    }),
  ].flat(2);
  return [...Map.groupBy(changes, ({ text }) => text).entries()].map(sentence);
}

const removed = (name: string): Change[] => [{ text: `${name} was removed` }];

function sentence([text, changes]: [string, Change[]]): string {
  const operations = changes.flatMap(({ operation }) => operation ?? []);
  if (operations.length === 0) return `${text}.`;
  const more = operations.length - NAMED_MAX;
  return `${text} (${operations.slice(0, NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}).`;
}

/** `GET /v1/jobs` with its two versions, or with undefined if the operation is gone. */
function pairsOf(before: OpenApi['paths'], after: OpenApi['paths']): [string, OperationPair | undefined][] {
  return Object.entries(before).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, OperationPair | undefined] => {
      const other = after[path]?.[method];
      return [`${method.toUpperCase()} ${path}`, other && { before: operation, after: other }];
    }),
  );
}

type Compare = (direction: Direction, subject: string, pair: (Schema | undefined)[]) => string[];

function comparer(before: OpenApi, after: OpenApi): Compare {
  const components = { before: before.components?.schemas ?? {}, after: after.components?.schemas ?? {} };
  return (direction, subject, [old, current]) => {
    if (!old || !current) return [];
    return new SchemaComparison(direction, components)
      .compare({ before: old, after: current, subject })
      .map((change) => `${LABELS[direction]}: ${change.subject} ${change.text}`);
  };
}

/** An empty requirement means that the token may be left out. */
const needsToken = ({ security = [] }: OperationPair['before']): boolean =>
  security.length > 0 && security.every((entry) => Object.keys(entry).length > 0);

function operationChanges(pair: OperationPair, compare: Compare): Change[] {
  const { before, after } = pair;
  const changes = [
    before.operationId !== after.operationId &&
      `The operationId ${before.operationId} became ${after.operationId}, which renames the method of generated clients`,
    !needsToken(before) && needsToken(after) && 'An access token is now required',
    ...parameterChanges(pair, compare),
    ...bodyChanges(pair, 'request', compare),
    ...responseChanges(pair, compare),
  ];
  return changes.filter((change) => change !== false).map((text) => ({ text }));
}

const keyOf = ({ name, in: place }: Parameter): string =>
  place === 'header' ? `header ${name.toLowerCase()}` : `${place} parameter ${name}`;

function parameterChanges({ before, after }: OperationPair, compare: Compare): string[] {
  const old = new Map((before.parameters ?? []).map((parameter) => [keyOf(parameter), parameter]));
  const current = new Map((after.parameters ?? []).map((parameter) => [keyOf(parameter), parameter]));
  return [
    ...[...old].flatMap(([key, parameter]) => {
      const next = current.get(key);
      // A path with another parameter name has the same URLs.
      if (!next) return parameter.in === 'path' ? [] : [`Request: the ${key} was removed`];
      return compare('request', `the ${key}`, [parameter.schema, next.schema]);
    }),
    ...[...current]
      .filter(([key, parameter]) => parameter.in !== 'path' && parameter.required && !old.get(key)?.required)
      .map(([key]) => `Request: the ${key} is now required`),
  ];
}

function bodyChanges({ before, after }: OperationPair, direction: Direction, compare: Compare): string[] {
  const [old, current] = [before.requestBody, after.requestBody];
  const isNewlyRequired = direction === 'request' && current?.required && !old?.required;
  if (isNewlyRequired) return ['Request: a body is now required'];
  if (!old) return [];
  if (!current) return [`${LABELS[direction]}: the body was removed`];
  return contentChanges([old.content, current.content], direction, compare);
}

function contentChanges(
  [before, after]: [Content, Content],
  direction: Direction,
  compare: Compare,
): string[] {
  return Object.entries(before).flatMap(([type, { schema }]) => {
    const other = after[type];
    return other
      ? compare(direction, 'the body', [schema, other.schema])
      : [`${LABELS[direction]}: the content type ${type} was removed`];
  });
}

/** Compares only the body of errors. A client must expect new codes, and codes that are no longer sent. */
function responseChanges({ before, after }: OperationPair, compare: Compare): string[] {
  return Object.entries(before.responses ?? {}).flatMap(([status, old]) => {
    const current = after.responses?.[status];
    const isError = Number(status) >= 400;
    if (!current) return isError ? [] : [`Response: the status ${status} was removed`];
    const headers = Object.keys(old.headers ?? {}).filter((name) => !(name in (current.headers ?? {})));
    return [
      ...headers.map((name) => `Response: the header ${name} was removed`),
      ...contentChanges([old.content ?? {}, current.content ?? {}], 'response', compare),
    ];
  });
}
