import { z } from 'zod';

/**
 * The examples of a body in the API description, by name: `schema.meta({ id }).register(examples, { 'By email': {…} })`.
 * Register after `.meta()`, which copies the schema. Lists and pages use the examples of their items. A test sends every
 * example of a request (test/contract/request-examples.spec.ts).
 */
export const examples = z.registry<Record<string, z.$input>>();

/** The same values in all examples. */
export const sample = {
  id: '0199a3c1-5d2e-7a77-9b1f-3c8e6d2f4b10',
  userId: '0199a3b8-02c4-7d55-8e0a-5b7c9d1e2f30',
  email: 'ada@example.com',
  displayName: 'Ada Lovelace',
  password: 'four plain words together',
  token: 'k3Vw9mQx2Ls7Rt0Yb5Nc8Hd1Jf6Gp4Za_uEiOsTnMq2',
  earlier: '2026-11-28T09:30:00.000Z',
  later: '2026-11-28T09:31:07.250Z',
};

const CURSOR = 'WyIyMDI2LTExLTI4VDA5OjMwOjAwLjAwMFoiXQ.3f9c';
const PAGE_LIMIT = 20;

/** Empty if neither the schema nor its items have an example. */
export function examplesOf(schema: z.core.$ZodType): Record<string, unknown> {
  const own = examples.get(schema);
  if (own) return own;
  if (schema instanceof z.ZodDefault) return examplesOf(schema.def.innerType);
  const envelope = schema instanceof z.ZodObject ? (schema.shape as z.ZodRawShape) : {};
  const { data, meta } = envelope;
  if (!data) return {};
  if (data instanceof z.ZodArray) return listExamples(Object.values(examplesOf(data.element)), meta);
  return mapValues(examplesOf(data), (value) => ({ data: value }));
}

function listExamples(rows: unknown[], meta: z.core.$ZodType | undefined): Record<string, unknown> {
  if (rows.length === 0) return {};
  if (!(meta instanceof z.ZodObject)) return { 'All items': { data: rows } };
  const required = Object.entries(meta.shape as z.ZodRawShape).filter(
    ([, field]) => field instanceof z.ZodNumber,
  );
  const counts = Object.fromEntries(required.map(([name]) => [name, rows.length]));
  const page = (data: unknown[], nextCursor: string | null) => ({
    data,
    meta: { ...counts, limit: PAGE_LIMIT, nextCursor },
  });
  return { 'First page': page(rows, CURSOR), 'Last page': page(rows.slice(0, 1), null) };
}

/** Server-Sent Events as they are sent. */
export const streamExample = (...events: { event: string; id?: string; data: unknown }[]): string =>
  events
    .map(
      ({ event, id, data }) => `event: ${event}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`,
    )
    .join('');

const mapValues = (values: Record<string, unknown>, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** Where the converter of a schema puts its examples until they are part of the content. */
export const EXAMPLES_KEY = 'x-examples';

interface Content {
  schema?: Record<string, unknown>;
  examples?: Record<string, object>;
}

/** Moves all examples, or only the named ones, from the schemas of the contents to the contents. */
export function placeExamples(contents: Record<string, Content> = {}, names?: string[]): void {
  for (const content of Object.values(contents)) {
    const found = content.schema?.[EXAMPLES_KEY] as Record<string, unknown> | undefined;
    delete content.schema?.[EXAMPLES_KEY];
    if (!found) continue;
    const unknown = names?.find((name) => !(name in found));
    if (unknown) throw new Error(`No example is named ${unknown}`);
    const chosen = Object.entries(found).filter(([name]) => names?.includes(name) ?? true);
    content.examples = Object.fromEntries(chosen.map(([name, value]) => [name, { value }]));
  }
}
