import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { TooManyMatchesError } from '../errors/platform.errors.ts';
import type { SortValue } from './keyset.ts';
import { countUpTo } from './paginator.ts';

interface SearchedText {
  /** SQL with the alias of the query: `post.title`. */
  text: string;
  /** A match in a text of weight A counts most. Default: D. */
  weight?: 'A' | 'B' | 'C';
}

/** A search that matches more is rejected, because all matches are sorted for each page. */
const MATCHES_MAX = 5_000;

/** ASCII except letters and digits. The parser of Postgres would treat an email as one word. */
const SEPARATORS = /[\0-/:-@[-`{-\x7F]+/;

const withoutSeparators = (text: string) => `regexp_replace(${text}, '[!-/:-@[-\`{-~]', ' ', 'g')`;

/** “jose” finds “José”: decomposes the letters, and removes their accents. Needs no extension, unlike `unaccent`. */
const withoutAccents = (text: string) =>
  `normalize(regexp_replace(normalize(${text}, NFD), '[\\u0300-\\u036f]', '', 'g'), NFC)`;

const QUERY = `to_tsquery('simple', ${withoutAccents('lower(:words)')})`;

/** A full-text search in columns of a list. Needs an index: see docs/guides/lists.md. */
export class TextSearch {
  /** The expression of the index, with the aliases of the query. */
  private readonly document: string;

  constructor(texts: SearchedText[]) {
    this.document = `(${texts.map(vectorOf).join(' || ')})`;
  }

  /**
   * Keeps the rows where each word of the client's text is the start of a word. Throws TooManyMatchesError if too
   * many rows match.
   */
  async filter<Row extends ObjectLiteral>(rows: SelectQueryBuilder<Row>, text: string): Promise<void> {
    const words = text
      .split(SEPARATORS)
      .filter(Boolean)
      .map((word) => `'${word}':*`);
    rows.andWhere(`${this.document} @@ ${QUERY}`, { words: words.join(' & ') });
    if ((await countUpTo(MATCHES_MAX, rows)) === null) throw new TooManyMatchesError();
  }

  /**
   * The sorts of the matches: `relevance` and those given. With an index on the sort, Postgres would read the whole
   * index to find few matches. So the sort values are expressions without an index.
   */
  sorts<Name extends string>(values: Record<Name, SortValue>): Record<Name | 'relevance', SortValue> {
    const sorts: Record<string, SortValue> = {
      relevance: { value: `ts_rank(${this.document}, ${QUERY})`, nullable: false },
    };
    for (const [name, { value, nullable }] of Object.entries<SortValue>(values))
      sorts[name] = { value: `coalesce(${value}, ${value})`, nullable };
    return sorts;
  }
}

function vectorOf({ text, weight }: SearchedText): string {
  const vector = `to_tsvector('simple', ${withoutSeparators(withoutAccents(text))})`;
  return weight ? `setweight(${vector}, '${weight}')` : vector;
}
