import { UsageError } from '../usage-error.ts';

/** The names of a feature in code, SQL, routes and sentences. */
export interface Names {
  /** `order-items`: folder, files and routes. */
  plural: string;
  /** `order-item` */
  singular: string;
  /** `OrderItems`, `OrderItem`, `orderItems`, `orderItem` */
  Plural: string;
  Singular: string;
  pluralVariable: string;
  variable: string;
  /** `order_items` */
  table: string;
  /** `ORDER_ITEM`: start of error codes. */
  code: string;
  /** `order items`, `order item`, `an order item` */
  words: string;
  word: string;
  aWord: string;
}

/** Words that Postgres does not accept as a name without quotes. */
export const SQL_RESERVED = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation ' +
    'column concurrently constraint create cross default deferrable desc distinct do else end except false fetch for ' +
    'foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral leading ' +
    'left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing ' +
    'primary references returning right select session_user similar some symmetric system_user table tablesample then to ' +
    'trailing true union unique user using variadic verbose when where window with'
  ).split(' '),
);

const TYPESCRIPT_RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends false ' +
    'finally for function if implements import in instanceof interface let new null package private protected public ' +
    'return static super switch this throw true try typeof undefined var void while with yield constructor prototype'
  ).split(' '),
);

/** Classes and variables that the generated files import or use. */
const IMPORTED = new Set(
  (
    'Args Array Body Boolean Check Column Controller Date Delete Endpoint Entity Error Field Get Index Int Map Module ' +
    'Number Object Page Paginator Param Patch Policy Post Principal Promise Query Repository Res Resolver Rule Set String ' +
    'Tag Test Thing Type Unique User app caller changes column count example examples fields item id manager other owner ' +
    'page query reply response rows rule sample table text tx user version'
  ).split(' '),
);

const NAME_MAX = 40;

export function namesOf(plural: string, givenSingular?: string): Names {
  assertName(plural, 'The feature');
  const singular = givenSingular ?? singularOf(plural);
  assertName(singular, 'The singular');
  if (singular === plural)
    throw new UsageError(`The singular of ${plural} must differ: add --singular <name>.`);
  const names: Names = {
    plural,
    singular,
    Plural: pascal(plural),
    Singular: pascal(singular),
    pluralVariable: camel(plural),
    variable: camel(singular),
    table: plural.replaceAll('-', '_'),
    code: singular.replaceAll('-', '_').toUpperCase(),
    words: plural.replaceAll('-', ' '),
    word: singular.replaceAll('-', ' '),
    aWord: withArticle(singular.replaceAll('-', ' ')),
  };
  for (const name of [names.table, names.variable, names.pluralVariable, names.Singular, names.Plural]) {
    assertFree(name);
  }
  return names;
}

export function assertName(name: string, what: string): void {
  if (!/^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/.test(name) || name.length > NAME_MAX) {
    throw new UsageError(
      `${what} is named in lower case, with hyphens, in at most ${NAME_MAX} characters: order-items. Not ${name}.`,
    );
  }
}

export function assertFree(name: string): void {
  if (SQL_RESERVED.has(name)) throw new UsageError(`${name} is a reserved word of SQL: choose another name.`);
  if (TYPESCRIPT_RESERVED.has(name))
    throw new UsageError(`${name} is a reserved word of TypeScript: choose another name, or --singular.`);
  if (IMPORTED.has(name))
    throw new UsageError(
      `The generated files use ${name} for something else: choose another name, or --singular.`,
    );
}

/** Names of fields, which become columns and properties. */
export function assertFieldName(name: string): void {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name) || name.length > NAME_MAX)
    throw new UsageError(
      `A field is named in camelCase, in at most ${NAME_MAX} characters: dueOn. Not ${name}.`,
    );
  if (['id', 'user', 'userId', 'version', 'createdAt', 'updatedAt'].includes(name))
    throw new UsageError(`Every feature has the field ${name}: leave it out.`);
  if (SQL_RESERVED.has(snake(name)))
    throw new UsageError(`${name} is a reserved word of SQL: choose another name for the field.`);
  if (TYPESCRIPT_RESERVED.has(name))
    throw new UsageError(`${name} is a reserved word of TypeScript: choose another name for the field.`);
}

export function singularOf(plural: string): string {
  if (/[^aeiou]ies$/.test(plural)) return plural.replace(/ies$/, 'y');
  if (/(ss|x|ch|sh)es$/.test(plural)) return plural.replace(/es$/, '');
  if (/[^s]s$/.test(plural) && !/(us|is)$/.test(plural)) return plural.replace(/s$/, '');
  throw new UsageError(`${plural} is not a regular plural: add --singular <name>.`);
}

/** "an invoice", "a user". */
export const withArticle = (word: string): string =>
  `${/^(?!uni|use|one|eu)([aeiou]|hour|honor)/.test(word) ? 'an' : 'a'} ${word}`;

export const pascal = (kebab: string): string =>
  kebab
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

export const camel = (kebab: string): string => {
  const name = pascal(kebab);
  return name.charAt(0).toLowerCase() + name.slice(1);
};

export const snake = (camelCase: string): string =>
  camelCase.replaceAll(/([A-Z])/g, (letter) => `_${letter.toLowerCase()}`);

/** "Due on", of `dueOn`. */
export const sentence = (camelCase: string): string => {
  const words = snake(camelCase).replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
