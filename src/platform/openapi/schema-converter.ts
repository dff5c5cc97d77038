import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { z } from 'zod';
import { type RecordType, type RecordTypes, UNKNOWN_TYPE } from '../registry/record-types.ts';
import { readRegistry, type Registry } from '../registry/registry.ts';
import { EXAMPLES_KEY, examplesOf } from './examples.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;
type Components = Record<string, JsonSchema>;

const TARGET = 'draft-2020-12';

/** The data of a record whose type this release does not know, as RecordTypes shows it. */
const unknownRecord: RecordType = {
  name: UNKNOWN_TYPE,
  summary: 'The server does not know the type: another release wrote it, or its feature was removed.',
  data: z.object({
    type: z.string().describe('The stored type.'),
    data: z.record(z.string(), z.unknown()).describe('The stored data.'),
  }),
};

/**
 * Zod's own conversion to the JSON Schema of OpenAPI 3.1. A schema with an id becomes a component. Two keys of `.meta()`
 * refer to items that features have registered:
 * - A text with `keyOf: SomeRegistry` lists the registered keys; its service rejects others.
 * - An object with `variantsOf: SomeRecordTypes` is one of its types: each has its own `type` and `data`.
 */
export function schemaConverter(modules: ModulesContainer) {
  return (schema: z.ZodType, { schemaType: io }: { schemaType: 'input' | 'output' }) => {
    const variants: Components = {};
    const json = z.toJSONSchema(schema, {
      io,
      target: TARGET,
      override: ({ jsonSchema }) => {
        const { keyOf, variantsOf, ...rest } = jsonSchema as JsonSchema & References;
        if (keyOf) {
          delete jsonSchema['keyOf'];
          jsonSchema.enum = readRegistry(modules, keyOf).keys().toSorted();
        }
        if (variantsOf) {
          const types = readRegistry(modules, variantsOf).all();
          replace(jsonSchema, unionOf(rest, [...types, unknownRecord], variants));
        }
      },
    });
    const { $schema, $defs = {}, ...rest } = pointToComponents(json);
    void $schema;
    const found = examplesOf(schema);
    const stashed = Object.keys(found).length > 0 && { [EXAMPLES_KEY]: found };
    return { schema: { ...rest, ...stashed }, components: { ...$defs, ...pointToComponents(variants) } };
  };
}

interface References {
  keyOf?: Type<Registry<unknown>>;
  variantsOf?: Type<RecordTypes<RecordType>>;
}

function replace(target: JsonSchema, source: JsonSchema): void {
  for (const key of Object.keys(target)) delete target[key];
  Object.assign(target, source);
}

/** Adds a component for each type, and returns their union. */
function unionOf(
  { id, description, ...common }: JsonSchema,
  types: RecordType[],
  components: Components,
): JsonSchema {
  if (!id) throw new Error('A schema with variantsOf needs an id');
  const references = types
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((type) => {
      const { $schema, $defs = {}, ...data } = z.toJSONSchema(type.data, { io: 'output', target: TARGET });
      void $schema;
      const name = pascalCase(type.name) + id;
      const properties = { ...common.properties, type: { type: 'string', const: type.name }, data };
      const variant = { ...common, ...(type.summary && { description: type.summary }), properties };
      Object.assign(components, $defs, { [name]: variant });
      return [type.name, `#/$defs/${name}`] as const;
    });
  return {
    id,
    ...(description && { description }),
    oneOf: references.map(([, $ref]) => ({ $ref })),
    discriminator: { propertyName: 'type', mapping: Object.fromEntries(references) },
  };
}

const pascalCase = (name: string): string =>
  name.replaceAll(/(?:^|-)([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());

/** Zod refers to the `$defs` of a schema. In the document they are components. */
function pointToComponents<T extends object>(schema: T): T {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;
}
