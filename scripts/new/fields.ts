import { UsageError } from '../usage-error.ts';
import { assertFieldName, type Names, pascal, sentence, snake } from './names.ts';
import { findReference, type Reference } from './references.ts';

/** One property of a feature, as each of its files writes it. */
export interface Field {
  name: string;
  column: string;
  isOptional: boolean;
  isUnique: boolean;
  sql: string;
  /** The arguments of `@Column`. */
  columnType: string;
  typescript: string;
  request: string;
  response: string;
  graphql: string;
  /** Literals: an example, another value, and one that differs in each call of the factory. */
  example: string;
  other: string;
  counted: string;
  /** Values of an enum. */
  values?: string[];
  references?: Reference;
}

type FieldType = Pick<
  Field,
  'sql' | 'columnType' | 'typescript' | 'request' | 'response' | 'graphql' | 'example' | 'other' | 'counted'
>;

const DECIMAL = String.raw`z.string().max(14).regex(/^-?\d{1,10}(\.\d{1,2})?$/)`;

const textType = (name: string): FieldType => ({
  sql: 'text',
  columnType: `'text'`,
  typescript: 'string',
  request: 'text({ min: 1, max: 500 })',
  response: 'z.string()',
  graphql: 'String',
  example: `'${sentence(name)}'`,
  other: `'Another ${snake(name).replaceAll('_', ' ')}'`,
  counted: `\`${sentence(name)} \${count}\``,
});

const TYPES: Record<string, FieldType> = {
  int: {
    sql: 'integer',
    columnType: `'integer'`,
    typescript: 'number',
    request: 'z.int32()',
    response: 'z.int()',
    graphql: 'Int',
    example: '12',
    other: '1_000',
    counted: 'count',
  },
  decimal: {
    sql: 'numeric(12, 2)',
    columnType: `{ type: 'numeric', precision: 12, scale: 2 }`,
    typescript: 'string',
    request: DECIMAL,
    response: 'z.string()',
    graphql: 'String',
    example: `'12.50'`,
    other: `'13.00'`,
    counted: `\`\${count}.50\``,
  },
  bool: {
    sql: 'boolean',
    columnType: `'boolean'`,
    typescript: 'boolean',
    request: 'z.boolean()',
    response: 'z.boolean()',
    graphql: 'Boolean',
    example: 'true',
    other: 'false',
    counted: 'true',
  },
  date: {
    sql: 'date',
    columnType: `'date'`,
    typescript: 'string',
    request: 'dateSchema',
    response: 'z.iso.date()',
    graphql: 'String',
    example: `'2026-12-01'`,
    other: `'2026-12-31'`,
    counted: `'2026-12-01'`,
  },
  timestamp: {
    sql: 'timestamptz(3)',
    columnType: `{ type: 'timestamptz', precision: 3 }`,
    typescript: 'Date',
    request: 'storedInstantSchema',
    response: 'timestampSchema',
    graphql: 'GraphQLISODateTime',
    example: 'sample.later',
    other: 'sample.earlier',
    counted: `'2026-12-01T12:00:00.000Z'`,
  },
  uuid: {
    sql: 'uuid',
    columnType: `'uuid'`,
    typescript: 'string',
    request: 'z.guid().max(36)',
    response: 'z.string()',
    graphql: 'ID',
    example: 'sample.userId',
    other: 'sample.id',
    counted: 'randomUUID()',
  },
};

const UNIQUE_TYPES = ['text', 'int', 'uuid'];
export const SYNTAX =
  '--field <name>:<type>, where type is text, int, decimal, bool, date, timestamp, uuid or "enum(draft|sent)", then `?` if it is optional or `:unique` if each user has it once; or --field <name>Id:references:<feature>, then `?` if it can be null';

/** Parses `dueOn:date?`, `number:int:unique` and `status:enum(draft|sent)`. */
export const parseField = (text: string, names: Pick<Names, 'Singular'>): Field =>
  referenceField(text) ?? plainField(text, names);

function plainField(text: string, names: Pick<Names, 'Singular'>): Field {
  const [, name = '', type = '', choices, optional = '', unique = ''] =
    /^([^:]+):([a-z]+)(?:\(([^)]*)\))?(\?)?(:unique)?$/.exec(text) ?? [];
  const found = typeOf({ name, type, choices }, names);
  if (!found) throw new UsageError(`${text} is not a field. Write ${SYNTAX}.`);
  assertFieldName(name);
  const [isOptional, isUnique] = [optional !== '', unique !== ''];
  if (isUnique && (isOptional || !UNIQUE_TYPES.includes(type)))
    throw new UsageError(
      `Only a field of ${UNIQUE_TYPES.join(', ')} that is not optional can be unique: ${text}.`,
    );
  return { name, column: snake(name), isOptional, isUnique, ...found };
}

/** Parses `customerId:references:customers` and `customerId:references:customers?`. */
function referenceField(text: string): Field | undefined {
  const [, name = '', folder = '', optional = ''] = /^([^:]+):references:([a-z0-9-]+)(\?)?$/.exec(text) ?? [];
  if (!folder) return undefined;
  assertFieldName(name);
  if (!/[a-z]Id$/.test(name))
    throw new UsageError(`The name of a reference ends in Id: customerId. Not ${name}.`);
  const references = findReference(folder);
  const isOptional = optional !== '';
  if (!isOptional) assertCreatable(references, text);
  // An optional reference is null in examples and tests, so they need no target.
  const values = isOptional ? { example: 'null', other: 'null', counted: 'null' } : {};
  return { name, column: snake(name), isOptional, isUnique: false, ...TYPES['uuid']!, ...values, references };
}

/** Tests create the target of a required reference. */
function assertCreatable({ table, Entity, factory }: Reference, text: string): void {
  if (table === 'users' || factory) return;
  throw new UsageError(
    `The tests can't create the target of ${text}: write ${text}?, or add create${Entity}(owner) in test/factories/.`,
  );
}

interface Declaration {
  name: string;
  type: string;
  /** Between the parentheses of an enum. */
  choices: string | undefined;
}

function typeOf(
  { name, type, choices }: Declaration,
  { Singular }: Pick<Names, 'Singular'>,
): FieldType | undefined {
  if (type === 'enum') return enumType(name, choices ?? '', Singular);
  if (choices !== undefined) return undefined;
  return type === 'text' ? textType(name) : TYPES[type];
}

function enumType(name: string, choices: string, Singular: string): FieldType & { values: string[] } {
  const values = choices.split('|');
  const isValid = values.every((value) => /^[a-z][a-zA-Z0-9]*$/.test(value));
  if (values.length < 2 || !isValid || new Set(values).size < values.length)
    throw new UsageError(`An enum has two or more different words: "${name}:enum(draft|sent)".`);
  const type = `${Singular}${pascal(name)}`;
  return {
    sql: 'text',
    columnType: `'text'`,
    typescript: type,
    request: `z.enum(${enumValues(name, Singular)})`,
    response: `z.enum(${enumValues(name, Singular)})`,
    graphql: `${type}Enum`,
    example: `'${values[0]}' as const`,
    other: `'${values[1]}'`,
    counted: `'${values[0]}'`,
    values,
  };
}

/** `invoiceStatusValues` */
export const enumValues = (name: string, Singular: string): string =>
  `${Singular.charAt(0).toLowerCase()}${Singular.slice(1)}${pascal(name)}Values`;

export function parseFields(texts: string[], names: Pick<Names, 'Singular'>): Field[] {
  const fields = texts.map((text) => parseField(text, names));
  const twice = fields.find(({ column }, index) => fields.findIndex((one) => one.column === column) < index);
  if (twice) throw new UsageError(`The field ${twice.name} is given twice.`);
  if (fields.length > 0 && !fields.some(isChangeable))
    throw new UsageError('Add a field that is no reference, or a reference with a question mark.');
  return fields;
}

const isChangeable = ({ references, isOptional }: Field): boolean => !references || isOptional;

/** The field that examples and tests change: a unique one or a reference only if there is no other. */
export const changedField = (fields: Field[]): Field =>
  (fields.find(({ isUnique, references }) => !isUnique && !references) ?? fields.find(isChangeable))!;
