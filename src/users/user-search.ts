import type { SelectQueryBuilder } from 'typeorm';
import type { SortValue } from '../platform/pagination/keyset.ts';
import type { User } from './user.entity.ts';

/** A search that matches more is rejected, because all matches are sorted for each page. */
export const MATCHES_MAX = 5_000;

/** ASCII except letters and digits. The parser of Postgres would take an email for one word. */
const SEPARATORS = /[\0-/:-@[-`{-\x7F]+/;

const withoutSeparators = (column: string) => `regexp_replace(${column}, '[!-/:-@[-\`{-~]', ' ', 'g')`;

/** “jose” finds “José”: decomposes the letters, and removes their accents. Needs no extension, unlike `unaccent`. */
const withoutAccents = (text: string) =>
  `normalize(regexp_replace(normalize(${text}, NFD), '[\\u0300-\\u036f]', '', 'g'), NFC)`;

/** The expression of the index `users_search_idx`. A word of the name counts more than one of the email. */
const DOCUMENT = `(
  setweight(to_tsvector('simple', ${withoutSeparators(withoutAccents('lower(user.displayName)'))}), 'A')
  || to_tsvector('simple', ${withoutSeparators(withoutAccents('user.email'))})
)`;

const QUERY = `to_tsquery('simple', ${withoutAccents('lower(:words)')})`;

/** Each word of the text is the start of a word in the name or the email. */
export function addSearch(rows: SelectQueryBuilder<User>, text: string): void {
  const words = text
    .split(SEPARATORS)
    .filter(Boolean)
    .map((word) => `'${word}':*`);
  rows.andWhere(`${DOCUMENT} @@ ${QUERY}`, { words: words.join(' & ') });
}

/**
 * The matches in each order. With an index on the sort, Postgres would read the whole index to find few matches, so the
 * values are expressions that no index has.
 */
export const searchSorts = {
  relevance: { value: `ts_rank(${DOCUMENT}, ${QUERY})`, nullable: false },
  createdAt: { value: `(user.createdAt + interval '0')`, nullable: false },
  email: { value: `(user.email || '')`, nullable: false },
} satisfies Record<string, SortValue>;

/** Without a search, the newest are the most relevant. */
export const listSorts = { relevance: { value: 'user.createdAt', nullable: false } };
