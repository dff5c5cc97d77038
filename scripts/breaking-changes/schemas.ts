/** The parts of a JSON Schema that the documents use. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  discriminator?: { propertyName: string; mapping: Record<string, string> };
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  [keyword: string]: unknown;
}

type Side = 'before' | 'after';
type Components = Record<Side, Record<string, Schema>>;

/** What a client sends, or what it receives. */
export type Direction = 'request' | 'response';

export interface SchemaChange {
  /** For example `Job.status`. */
  subject: string;
  text: string;
}

/** `before` and `after` belong to different documents. */
interface Pair {
  before: Schema;
  after: Schema;
  subject: string;
}

const UPPER_LIMITS = ['maximum', 'maxLength', 'maxItems', 'maxProperties'];
const LOWER_LIMITS = ['minimum', 'minLength', 'minItems', 'minProperties'];
const PRINTED_MAX = 60;

/** Finds what breaks a client: a request that is no longer accepted, or a response that it does not expect. */
export class SchemaComparison {
  /** The earlier schemas that are being compared, because a schema may contain itself. */
  private readonly open = new Map<Schema, Schema>();

  private readonly direction: Direction;
  private readonly components: Components;

  constructor(direction: Direction, components: Components) {
    this.direction = direction;
    this.components = components;
  }

  compare({ before, after, subject }: Pair): SchemaChange[] {
    return this.compareBranches({
      before: this.resolve(before, 'before'),
      after: this.resolve(after, 'after'),
      subject: before.$ref?.split('/').at(-1) ?? subject,
    });
  }

  /** A schema is a list of alternatives. Each one that a client may send or receive must be in the other list. */
  private compareBranches({ before, after, subject }: Pair): SchemaChange[] {
    const branches = { before: this.branchesOf(before, 'before'), after: this.branchesOf(after, 'after') };
    const [inner, outer] =
      this.direction === 'request' ? (['before', 'after'] as const) : (['after', 'before'] as const);
    return branches[inner].flatMap((branch) => {
      if (this.direction === 'response' && isExpectedType(branch, before)) return [];
      const candidates = branches[outer].filter((other) => isSameKind(branch, other));
      const found = candidates.map((other) =>
        this.compareValues(
          inner === 'before'
            ? { before: branch, after: other, subject }
            : { before: other, after: branch, subject },
        ),
      );
      const best = found.toSorted((a, b) => a.length - b.length)[0];
      if (best) return best;
      const kind = typeOf(branch) ?? 'any value';
      const text = this.direction === 'request' ? `no longer accepts ${kind}` : `may now be ${kind}`;
      return [{ subject, text }];
    });
  }

  private branchesOf(schema: Schema, side: Side): Schema[] {
    const branches = schema.anyOf ?? schema.oneOf;
    if (branches) return branches.flatMap((branch) => this.branchesOf(this.resolve(branch, side), side));
    if (Array.isArray(schema.type)) return schema.type.map((type) => ({ ...schema, type }));
    return [schema];
  }

  private resolve(schema: Schema, side: Side): Schema {
    if (!schema.$ref) return schema;
    const { $ref, ...rest } = schema;
    const target = this.components[side][$ref.split('/').at(-1)!];
    if (!target) throw new Error(`${$ref} does not exist`);
    const resolved = this.resolve(target, side);
    return Object.keys(rest).length === 0 ? resolved : { ...resolved, ...rest };
  }

  private compareValues(pair: Pair): SchemaChange[] {
    if (this.open.get(pair.before) === pair.after) return [];
    this.open.set(pair.before, pair.after);
    const changes = this.compareKeywords(pair);
    this.open.delete(pair.before);
    return changes;
  }

  private compareKeywords(pair: Pair): SchemaChange[] {
    const isRequest = this.direction === 'request';
    return [
      ...(isRequest ? valuesRemoved(pair) : valuesAdded(pair)),
      ...(isRequest
        ? narrowedLimits(pair)
        : changedKeywords(pair, pair.before['format'] === undefined ? [] : ['format'])),
      ...this.compareProperties(pair),
      ...this.compareItems(pair),
    ];
  }

  private compareProperties({ before, after, subject }: Pair): SchemaChange[] {
    const [old = {}, current = {}] = [before.properties, after.properties];
    const isRequest = this.direction === 'request';
    return [
      ...Object.entries(old).flatMap(([name, property]) => {
        const path = `${subject}.${name}`;
        const next = current[name];
        if (next) return this.compare({ before: property, after: next, subject: path });
        // A request may still contain the property if other properties are allowed.
        if (isRequest && after.additionalProperties !== false) return [];
        return [{ subject: path, text: 'was removed' }];
      }),
      ...(isRequest
        ? newlyRequired({ before, after, subject })
        : noLongerRequired({ before, after, subject })),
    ];
  }

  private compareItems({ before, after, subject }: Pair): SchemaChange[] {
    const pairs = [
      [before.items, after.items, `${subject}[]`],
      [objectOrNone(before.additionalProperties), objectOrNone(after.additionalProperties), `${subject}.*`],
    ] as const;
    return pairs.flatMap(([old, next, path]) =>
      old && next ? this.compare({ before: old, after: next, subject: path }) : [],
    );
  }
}

/** Whether it is a new type of an open union: clients must already accept the types that they don't know. */
function isExpectedType({ properties }: Schema, { discriminator }: Schema): boolean {
  if (!discriminator?.mapping['unknown']) return false;
  const types = valuesOf(properties?.[discriminator.propertyName] ?? {}) ?? [];
  return types.length > 0 && types.every((type) => !Object.hasOwn(discriminator.mapping, String(type)));
}

const objectOrNone = (value: Schema | boolean | undefined): Schema | undefined =>
  typeof value === 'object' ? value : undefined;

/** Whether the outer alternative allows the type of the inner one. */
function isSameKind(inner: Schema, outer: Schema): boolean {
  const [type, other] = [typeOf(inner), typeOf(outer)];
  return other === undefined || type === other || (type === 'integer' && other === 'number');
}

/** Undefined if values of all types are allowed. */
function typeOf(schema: Schema): string | undefined {
  const [value] = valuesOf(schema) ?? [];
  if (schema.type !== undefined || value === undefined) return schema.type?.toString();
  return value === null ? 'null' : typeof value;
}

const valuesOf = (schema: Schema): unknown[] | undefined =>
  schema.enum ?? ('const' in schema ? [schema.const] : undefined);

function valuesRemoved({ before, after, subject }: Pair): SchemaChange[] {
  const [old, current] = [valuesOf(before), valuesOf(after)];
  if (!current) return [];
  if (!old) return [{ subject, text: `accepts only ${current.map(print).join(', ')} now` }];
  return old
    .filter((value) => !current.includes(value))
    .map((value) => ({ subject, text: `no longer accepts ${print(value)}` }));
}

function valuesAdded({ before, after, subject }: Pair): SchemaChange[] {
  const [old, current] = [valuesOf(before), valuesOf(after)];
  if (!old) return [];
  if (!current) return [{ subject, text: 'may now have any value' }];
  return current
    .filter((value) => !old.includes(value))
    .map((value) => ({ subject, text: `may now be ${print(value)}` }));
}

function narrowedLimits({ before, after, subject }: Pair): SchemaChange[] {
  const isNarrower = (keyword: string, isBelow: boolean): boolean => {
    const [old, current] = [before[keyword], after[keyword]] as [number | undefined, number | undefined];
    if (current === undefined) return false;
    return isBelow
      ? current < (old ?? Infinity)
      : current > (old ?? -Infinity) && !isNoLimit(keyword, current);
  };
  const narrowed = [
    ...UPPER_LIMITS.filter((keyword) => isNarrower(keyword, true)),
    ...LOWER_LIMITS.filter((keyword) => isNarrower(keyword, false)),
  ];
  return [
    ...narrowed.map((keyword) => ({ subject, text: `has a narrower ${keyword}: ${print(after[keyword])}` })),
    ...changedKeywords(
      { before, after, subject },
      ['format', 'pattern'].filter((keyword) => after[keyword] !== undefined),
    ),
  ];
}

/** A minimum length of 0 excludes nothing. */
const isNoLimit = (keyword: string, value: number): boolean => keyword !== 'minimum' && value === 0;

function changedKeywords({ before, after, subject }: Pair, keywords: string[]): SchemaChange[] {
  return keywords
    .filter((keyword) => before[keyword] !== after[keyword])
    .map((keyword) => ({
      subject,
      text: `has another ${keyword}: ${print(before[keyword])} became ${print(after[keyword])}`,
    }));
}

function newlyRequired({ before, after, subject }: Pair): SchemaChange[] {
  return (after.required ?? [])
    .filter((name) => !before.required?.includes(name))
    .map((name) => ({
      subject: `${subject}.${name}`,
      text: before.properties?.[name] ? 'is now required' : 'is new and required',
    }));
}

function noLongerRequired({ before, after, subject }: Pair): SchemaChange[] {
  return (before.required ?? [])
    .filter((name) => after.properties?.[name] && !after.required?.includes(name))
    .map((name) => ({ subject: `${subject}.${name}`, text: 'may now be missing' }));
}

function print(value: unknown): string {
  if (value === undefined) return 'none';
  const text = JSON.stringify(value);
  return text.length > PRINTED_MAX ? `${text.slice(0, PRINTED_MAX)}…` : text;
}
