import { UsageError } from '../usage-error.ts';
import { addImport, addProperty } from './module-edits.ts';

/** The options of the command, as they were typed. */
export interface SettingOptions {
  type: string;
  default?: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  description?: string | undefined;
}

/** A setting, as its files write it. */
export interface NewSetting {
  name: string;
  /** For example `whole(1, 365)`, and the names that it imports from setting-fields.ts. */
  schema: string;
  imported: string[];
  /** A literal. Undefined: the setting is optional. */
  defaultValue: string | undefined;
  description: string;
  /** Texts of the environment: a valid one with its value as a literal, and invalid ones. */
  accepted: [text: string, value: string][];
  rejected: string[];
}

type SettingType = Pick<NewSetting, 'schema' | 'imported' | 'accepted' | 'rejected'> & {
  /** The literal of a default, or undefined if it is not valid. */
  literalOf: (text: string) => string | undefined;
};

export const TYPES = 'int (with --min and --max), bool, text (with --max), url or "enum(draft|sent)"';

const quote = (text: string): string => JSON.stringify(text);

function wholeNumber(text: string | undefined, option: string): number {
  if (text === undefined || !/^-?\d{1,12}$/.test(text))
    throw new UsageError(`A setting of this type needs --${option} <whole number>.`);
  return Number(text);
}

function intType({ min: minText, max: maxText }: SettingOptions): SettingType {
  const [min, max] = [wholeNumber(minText, 'min'), wholeNumber(maxText, 'max')];
  if (min >= max) throw new UsageError('--min must be less than --max.');
  const isInRange = (text: string) => /^-?\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
  return {
    schema: `whole(${min}, ${max})`,
    imported: ['whole'],
    accepted: [min, max].map((value) => [String(value), String(value)]),
    rejected: [String(min - 1), String(max + 1), `${min}.5`, 'many'],
    literalOf: (text) => (isInRange(text) ? String(Number(text)) : undefined),
  };
}

function textType({ max: maxText }: SettingOptions): SettingType {
  const max = wholeNumber(maxText, 'max');
  return {
    schema: `z.string().max(${max})`,
    imported: [],
    accepted: [['some text', quote('some text')]],
    rejected: ['x'.repeat(max + 1)],
    literalOf: (text) => (text.length <= max && !text.includes('\n') ? quote(text) : undefined),
  };
}

function enumType({ type }: SettingOptions): SettingType | undefined {
  const values = /^enum\((.*)\)$/.exec(type)?.[1]?.split('|') ?? [];
  if (values.length < 2 || !values.every((value) => /^[a-z][a-z0-9-]*$/.test(value))) return undefined;
  return {
    schema: `z.enum([${values.map(quote).join(', ')}])`,
    imported: [],
    accepted: values.map((value) => [value, quote(value)]),
    rejected: ['unknown-value'],
    literalOf: (text) => (values.includes(text) ? quote(text) : undefined),
  };
}

const BOOL: SettingType = {
  schema: 'flag',
  imported: ['flag'],
  accepted: [
    ['true', 'true'],
    ['off', 'false'],
  ],
  rejected: ['maybe'],
  literalOf: (text) => (text === 'true' || text === 'false' ? text : undefined),
};

const URL_TYPE: SettingType = {
  schema: 'httpUrl',
  imported: ['httpUrl'],
  accepted: [['https://www.example.com/path', quote('https://www.example.com/path')]],
  rejected: ['www.example.com', 'ftp://www.example.com'],
  literalOf: (text) => (/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*[^/?#\s])?$/.test(text) ? quote(text) : undefined),
};

function typeOf(options: SettingOptions): SettingType {
  const types: Record<string, () => SettingType> = {
    int: () => intType(options),
    text: () => textType(options),
    bool: () => BOOL,
    url: () => URL_TYPE,
  };
  const found = types[options.type]?.() ?? enumType(options);
  if (!found) throw new UsageError(`${options.type} is not a type. Types: ${TYPES}.`);
  return found;
}

export function parseSetting(name: string, options: SettingOptions): NewSetting {
  if (!/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(name) || name.length > 60)
    throw new UsageError(`A setting is named in capitals, with underscores: INVOICE_DUE_DAYS. Not ${name}.`);
  const { literalOf, ...type } = typeOf(options);
  const defaultValue = options.default === undefined ? undefined : literalOf(options.default);
  if (options.default !== undefined && defaultValue === undefined)
    throw new UsageError(`The default ${options.default} is not a valid value of the setting.`);
  const words = name.replaceAll('_', ' ').toLowerCase();
  const description = options.description ?? `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
  if (description.includes('\n')) throw new UsageError('The description is one line.');
  return { name, ...type, defaultValue, description };
}

export function addSetting(content: string, setting: NewSetting): string {
  const { name, schema, imported, defaultValue, description } = setting;
  const helper = defaultValue === undefined ? 'optional' : 'withDefault';
  const value = defaultValue === undefined ? schema : `${schema}, ${defaultValue}`;
  const property = `\n\n  ${name}: ${helper}(${value}).describe(${quote(description)})`;
  return [helper, ...imported].reduce(
    (text, one) => addImport(text, one, './setting-fields.ts'),
    addProperty(content, 'settingsSchema', property),
  );
}

export const specFile = ({ name, defaultValue, accepted, rejected }: NewSetting): string => `
import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from './settings.ts';

const { ${name}: schema } = settingsSchema.shape;

describe('${name}', () => {
  it('${defaultValue === undefined ? 'is optional' : `is ${defaultValue.replaceAll(/["']/g, '')} by default`}', () => {
    expect([schema.parse(undefined), schema.parse('')]).toEqual([${defaultValue}, ${defaultValue}]);
  });

  it.each([${accepted.map(([text, value]) => `[${quote(text)}, ${value}]`).join(', ')}])('accepts %s', (text, value) => {
    expect(schema.parse(text)).toBe(value);
  });

  it.each([${rejected.map(quote).join(', ')}])('rejects %s', (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });
});
`;
