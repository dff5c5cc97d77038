import { z } from 'zod';

const TEXT_MAX = 1_000;

/** Postgres takes neither NUL nor half of a surrogate pair, and no text of a person has them. */
const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();

/** Text of a person. Every string that is taken goes through here, so none is without a bound. */
export const text = ({ min = 0, max = TEXT_MAX }: { min?: number; max?: number } = {}) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine(isStorable, {
      error: 'This text holds characters that are not taken.',
      params: { code: 'INVALID_TEXT' },
    });

/** One line that is shown as a name: no control characters, nothing but blanks refused. */
export const nameText = (max: number) =>
  text({ min: 1, max }).refine((value) => !/\p{Cc}/u.test(value) && value.trim().length > 0, {
    error: 'A name is one line with at least one visible character.',
    params: { code: 'INVALID_TEXT' },
  });

/** UUID of any version. */
export const idSchema = z.guid().transform((id) => id.toLowerCase());

const EMAIL_MAX = 254;

const EMAIL_LOCAL = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
const DOMAIN_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
/**
 * Each character that RFC 5322 allows without quotes, at most 64 before the @ (RFC 5321), and a top-level domain in letters
 * or Punycode.
 */
const EMAIL = new RegExp(
  `^(?=[^@]{1,64}@)${EMAIL_LOCAL}(?:\\.${EMAIL_LOCAL})*@(?:${DOMAIN_LABEL}\\.)+(?:[a-zA-Z]{2,63}|[xX][nN]--[a-zA-Z0-9-]{1,58}[a-zA-Z0-9])$`,
);

/** ASCII only, so that look-alikes and their normal forms can't create two accounts for one email. In lower case. */
export const emailSchema = z
  .string()
  .max(EMAIL_MAX)
  .pipe(z.email({ pattern: EMAIL }))
  .transform((email) => email.toLowerCase())
  .pipe(z.string())
  .meta({ format: 'email' });

const TOKEN_MAX = 200;

/** A secret that we made and are handed back. */
export const tokenSchema = z.string().min(1).max(TOKEN_MAX);

const INSTANT_MAX = 40;

/** A moment as a client names it, in any offset. */
export const instantSchema = z.iso
  .datetime({ offset: true })
  .max(INSTANT_MAX)
  .transform((value) => new Date(value))
  .pipe(z.date())
  .meta({ format: 'date-time' });

/** RFC 3339 in UTC with milliseconds. A string is a timestamp of a stored response (see platform/idempotency). */
export const timestampSchema = z
  .union([z.date(), z.iso.datetime()])
  .transform((time) => new Date(time).toISOString())
  .pipe(z.iso.datetime());

/** `{"data": …}`, the envelope of every success. */
export const item = <T extends z.ZodType>(schema: T) => z.object({ data: schema });

/** A short list that is never paged. */
export const list = <T extends z.ZodType>(schema: T) => z.object({ data: z.array(schema) });

const pageMetaShape = { limit: z.int(), nextCursor: z.string().nullable() };

/** One page of a long list, and what else `meta` tells of it. */
export const page = <T extends z.ZodType>(schema: T, moreMeta: z.ZodRawShape = {}) =>
  z.object({ data: z.array(schema), meta: z.object({ ...pageMetaShape, ...moreMeta }) });

export interface Page<T> {
  data: T[];
  meta: { limit: number; nextCursor: string | null };
}

const CURSOR_MAX = 500;

/** The query of a list: its page, its sort (only what an index supports) and its filters. */
export const pageQuery = <S extends string, F extends z.ZodRawShape>(
  sorts: readonly [S, ...S[]],
  filters: F,
) =>
  z.strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(CURSOR_MAX).optional(),
    sort: z
      .enum(sorts.flatMap((sort): string[] => [`-${sort}`, sort]))
      .default(`-${sorts[0]}`)
      .describe('A leading minus: newest or last first.'),
    ...filters,
  });

export interface PageRequest {
  limit: number;
  cursor?: string | undefined;
  sort: string;
}

/** The answer of routes that must not tell whether an address has an account. */
export const acceptedSchema = z
  .object({ status: z.literal('accepted') })
  .meta({ id: 'Accepted', description: 'The same answer whether the address has an account or not.' });

export const accepted = { data: { status: 'accepted' } } as const;
