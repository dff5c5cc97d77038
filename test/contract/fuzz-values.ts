import fc, { type Arbitrary } from 'fast-check';
import { openapi } from '../support/openapi.ts';

/** The part of JSON Schema that the request schemas use. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

const LONG = 3_000;
const NESTED_LEVELS = 30;
const CHANGES_MAX = 3;

/** Text that programs often handle wrongly, separated by spaces. */
const ODD_WORDS =
  '\0 a\0b \ud800 a\udc00 \u202e 💥 İ ß \r\nx-injected:1 \x7f ; -- \' " ${7*7} ../.. %00 % * _ \\ __proto__ constructor ' +
  'toString null NaN Infinity -0 1e400 0x10 1.5 -1 true [object 0000-00-00T00:00:00Z 9999-12-31T23:59:59.999+23:59 ' +
  '0001-01-01T00:00:00-23:59 <a@b> 00000000-0000-0000-0000-000000000000 javascript:alert(1) http://[::1]:0/';

export const oddText: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...ODD_WORDS.split(' '), '', ' ', '9'.repeat(400), 'x'.repeat(LONG)),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

const ODD_NUMBERS = [0, -1, 0.5, 1e308, Number.MAX_SAFE_INTEGER, -(2 ** 31) - 1, 2 ** 63];
const ODD_OBJECTS = [null, true, [], {}, [null], [[]], { $gt: '' }, { length: 1e9 }];
const BIG_VALUES = [nested(5), nested(NESTED_LEVELS), Array.from({ length: 1_000 }, (_, index) => index)];

/** Any JSON value, most of them of the wrong type. */
export const oddValue: Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom<unknown>(...ODD_NUMBERS, ...ODD_OBJECTS, ...BIG_VALUES),
  fc.jsonValue({ maxDepth: 4 }),
);

/** A value that matches the schema as far as the document tells. */
export function valueOf(schema: Schema): Arbitrary<unknown> {
  const { $ref, enum: choices, type = '' } = schema;
  if ($ref) return valueOf(openapi.components.schemas[$ref.split('/').at(-1)!] as Schema);
  if (choices) return fc.constantFrom(...choices);
  return byType[type]?.(schema) ?? fc.jsonValue({ maxDepth: 2 });
}

const byType: Record<string, (schema: Schema) => Arbitrary<unknown>> = {
  string: textOf,
  boolean: () => fc.boolean(),
  integer: ({ minimum = -10, maximum = 1_000 }) => fc.integer({ min: minimum, max: maximum }),
  array: ({ items = {}, minItems = 0 }) => fc.array(valueOf(items), { minLength: minItems, maxLength: 3 }),
  object: ({ properties = {}, required = [] }) =>
    fc.record(Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, valueOf(field)])), {
      requiredKeys: required,
    }),
};

const byFormat: Record<string, Arbitrary<string>> = {
  uuid: fc.uuid(),
  email: fc.emailAddress(),
  'date-time': fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  binary: fc.string(),
};

function textOf({ format = '', minLength = 0, maxLength = 100 }: Schema): Arbitrary<string> {
  const lengths = [minLength, minLength + 1, maxLength - 1, maxLength, Math.min(maxLength, 8)];
  return (
    byFormat[format] ??
    fc.constantFrom(...lengths).chain((length) => fc.string({ minLength: length, maxLength: length }))
  );
}

/** The example or a value of the schema, sometimes with a change that may make it invalid. */
export function bodyOf(schema: Schema, example: object): Arbitrary<unknown> {
  const valid = fc.oneof({ weight: 2, arbitrary: fc.constant<unknown>(example) }, valueOf(schema));
  return fc.oneof(
    { weight: 5, arbitrary: valid },
    { weight: 6, arbitrary: valid.chain(changed) },
    { weight: 1, arbitrary: oddValue },
  );
}

/** Replaces, removes or adds properties. */
function changed(value: unknown): Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return oddValue;
  const names = [...Object.keys(value), 'unknown', '__proto__', ''];
  const change = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof({ weight: 4, arbitrary: oddValue }, fc.constant(undefined)),
  );
  return fc.array(change, { minLength: 1, maxLength: CHANGES_MAX }).map((changes) => {
    // Without a prototype, so that __proto__ is a property like others.
    const copy = Object.assign(Object.create(null) as object, value);
    return Object.assign(copy, Object.fromEntries(changes));
  });
}
