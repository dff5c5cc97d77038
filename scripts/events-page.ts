/**
 * Writes docs/events.md from openapi.json and schema.graphql, or with --check fails when the file differs. Both documents
 * are generated from the registered events, routes and resolvers.
 */
import { buildSchema, type GraphQLObjectType, isObjectType } from 'graphql';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const ROOT = join(import.meta.dirname, '..');
const FILE = join(ROOT, 'docs', 'events.md');

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: string[];
  const?: string;
  format?: string;
  description?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Operation {
  summary: string;
  description?: string;
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content> }>;
}

interface Content {
  schema: Schema;
  example?: string;
  examples?: Record<string, { value: object }>;
}

const openapi = JSON.parse(readFileSync(join(ROOT, 'openapi.json'), 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, { post: Operation }>;
  components: { schemas: Record<string, Schema> };
};
const graphql = buildSchema(readFileSync(join(ROOT, 'schema.graphql'), 'utf8'));

/** The schemas of the data of Server-Sent Events, by event name. */
const STREAM_DATA: Record<string, Schema> = {
  progress: { $ref: '#/components/schemas/Job' },
  notification: { $ref: '#/components/schemas/Notification' },
  end: {
    required: ['reason'],
    properties: { reason: { type: 'string', description: 'Why the stream ends.' } },
  },
};

const HEAD = `# Events

Generated from the documents of the APIs by \`npm run events-page\`. Don't edit it.`;

const NOTE =
  'The `webhooks` section of `openapi.json` describes the same events for tools. An AsyncAPI document would repeat it, and clients need a second set of tools for it.';

const WAYS = [
  '| way | for | guide |',
  '| --- | --- | --- |',
  '| webhooks | servers that must get every event | [Receive our webhooks](guides/webhooks.md) |',
  '| Server-Sent Events | pages that show progress or new messages | [The API](guides/api.md) |',
  '| GraphQL | the same, in an open GraphQL connection | [GraphQL](guides/graphql.md) |',
];

const resolved = (schema: Schema): Schema =>
  schema.$ref ? openapi.components.schemas[schema.$ref.split('/').at(-1)!]! : schema;

const nameOf = ({ $ref }: Schema): string | undefined => $ref?.split('/').at(-1);

function typeOf(schema: Schema): string {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.const) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.properties) return `{ ${Object.keys(schema.properties).join(', ')} }`;
  const types = [nameOf(schema) ?? schema.type ?? 'any'].flat().join(' or ');
  return schema.format ? `${types} (${schema.format})` : types;
}

function table(schema: Schema): string {
  const { properties = {}, required = [] } = withoutVariants(resolved(schema));
  if (Object.keys(properties).length === 0) return 'No properties.';
  const rows = Object.entries(properties).map(([name, property]) => {
    const type = required.includes(name) ? typeOf(property) : `${typeOf(property)}, optional`;
    return `| \`${name}\` | ${type} | ${property.description ?? ''} |`;
  });
  return ['| property | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

/** The common properties of a union by `type`. Another section has the data of each type. */
function withoutVariants(schema: Schema): Schema {
  const [first] = schema.oneOf ?? [];
  if (!first) return schema;
  const variant = resolved(first);
  const { description = '' } = schema;
  const type = { type: 'string', description };
  const data = { type: 'object', description: 'By type: see below.' };
  return { ...variant, properties: { ...variant.properties, type, data } };
}

/** The data of each type of a union, for example of notifications. */
function variantSections(name: string): string[] {
  return openapi.components.schemas[name]!.oneOf!.flatMap((variant) => {
    const { description = '', properties } = resolved(variant);
    const { type, data } = properties!;
    const [value] = type!.enum ?? [type!.const];
    return [`### \`${value}\``, description, table(data!)].filter(Boolean);
  });
}

const code = (language: string, text: string): string => `\`\`\`${language}\n${text.trim()}\n\`\`\``;

const json = (value: unknown): string => code('json', JSON.stringify(value, null, 2));

function webhookSection([type, { post }]: [string, { post: Operation }]): string {
  const { schema, examples = {} } = post.requestBody!.content['application/json']!;
  const { data } = schema.properties!;
  const first = Object.values(examples)[0];
  if (!data || !first) throw new Error(`The event ${type} has no example: register one with its schema.`);
  return [`### \`${type}\``, post.summary, '`data`:', table(data), json(first.value)].join('\n\n');
}

const STREAM = 'text/event-stream';

function streamSection(path: string, { summary, description, responses }: Operation): string {
  const { example = '' } = responses['200']!.content![STREAM]!;
  const names = [...example.matchAll(/^event: (\S+)$/gm)].map(([, name]) => String(name));
  const tables = names.flatMap((name) => {
    const schema = STREAM_DATA[name];
    if (!schema)
      throw new Error(`Add the schema of the event ${name} to STREAM_DATA in scripts/events-page.ts.`);
    return [`\`${name}\`:`, table(schema)];
  });
  return [`### \`GET ${path}\``, `${summary}. ${description}`, ...tables, code('', example)].join('\n\n');
}

function subscriptionSections(): string[] {
  const fields = Object.values(graphql.getSubscriptionType()?.getFields() ?? {});
  return fields.map(({ name, description, args, type }) => {
    const payload = graphql.getType(String(type).replaceAll(/[![\]]/g, '')) as GraphQLObjectType;
    if (!isObjectType(payload)) throw new Error(`The subscription ${name} returns no object.`);
    const properties = Object.values(payload.getFields());
    const rows = properties.map(
      (field) => `| \`${field.name}\` | ${String(field.type)} | ${field.description ?? ''} |`,
    );
    const parameters = args.map((argument) => `${argument.name}: ${String(argument.type)}`).join(', ');
    return [
      `### \`${name}(${parameters}): ${String(type)}\``,
      description ?? '',
      ['| field | type | meaning |', '| --- | --- | --- |', ...rows].join('\n'),
      json({ data: { [name]: graphqlExample(payload) } }),
    ].join('\n\n');
  });
}

function firstPageOf(path: string): object[] {
  const content = openapi.paths[path]?.['get']?.responses['200']?.content?.['application/json'];
  const page = content?.examples?.['First page'];
  return (page?.value as { data: object[] } | undefined)?.data ?? [];
}

/** The REST example of the same type, with the fields that GraphQL has too. */
function graphqlExample(type: GraphQLObjectType): object {
  const [row] = firstPageOf(`/v1/${type.name.toLowerCase()}s`);
  if (!row) throw new Error(`No example of ${type.name} in openapi.json.`);
  return Object.fromEntries(Object.entries(row).filter(([name]) => name in type.getFields()));
}

const streams = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.values(methods)
    .filter(({ responses }) => responses['200']?.content?.[STREAM])
    .map((operation) => streamSection(path, operation)),
);
const page = [
  HEAD,
  NOTE,
  WAYS.join('\n'),
  '## Webhooks',
  'The body of a webhook has `type`, `timestamp` and `data`.',
  ...Object.entries(openapi.webhooks).map(webhookSection),
  '## Server-Sent Events',
  ...streams,
  '## Types of notifications',
  'The `data` of a notification, by its `type`. [Notify users](guides/notify-users.md) shows how a feature adds a type.',
  ...variantSections('Notification'),
  '## Types of audit events',
  'The `data` of an audit event (`GET /v1/audit-events`), by its `type`. Features register their types with `AuditModule.forFeature`.',
  ...variantSections('AuditEvent'),
  '## GraphQL subscriptions',
  ...subscriptionSections(),
].join('\n\n');

const text = await format(page, { ...(await resolveConfig(FILE)), parser: 'markdown' });
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('docs/events.md is not current: run npm run events-page and commit it.\n');
  process.exit(1);
}
