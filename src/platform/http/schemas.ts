import { z } from 'zod';
import { platformTexts } from '../i18n/platform.texts.ts';
import { translate } from '../logging/request-context.ts';
import { examples, sample } from '../openapi/examples.ts';

const TEXT_MAX = 1_000;

/** PostgreSQL can store neither NUL nor half of a surrogate pair. */
const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();

/** Text from a user. Request schemas use it for every free text, so that each one has a maximum length. */
export const text = ({ min = 0, max = TEXT_MAX }: { min?: number; max?: number } = {}) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine(isStorable, {
      error: () => translate(platformTexts).invalidText,
      params: { code: 'INVALID_TEXT' },
    });

/** A name: one line without control characters, with at least one visible character. */
export const nameText = (max: number) =>
  text({ min: 1, max }).refine((value) => !/\p{Cc}/u.test(value) && value.trim().length > 0, {
    error: () => translate(platformTexts).invalidName,
    params: { code: 'INVALID_TEXT' },
  });

/** A UUID of any version. */
export const idSchema = z
  .guid()
  .transform((id) => id.toLowerCase())
  .meta({ example: sample.id });

const EMAIL_MAX = 254;

const EMAIL_LOCAL = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
const DOMAIN_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
/**
 * All characters that RFC 5322 allows without quotes, at most 64 before the @ (RFC 5321), and a top-level domain of letters
 * or in Punycode.
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

/** A token that we issued. */
export const tokenSchema = z.string().min(1).max(TOKEN_MAX);

const INSTANT_MAX = 40;

/** A time in a request, with any offset. */
export const instantSchema = z.iso
  .datetime({ offset: true })
  .max(INSTANT_MAX)
  .transform((value) => new Date(value))
  .pipe(z.date())
  .meta({ format: 'date-time', example: sample.earlier });

const isStorableTime = (time: Date) => time.getUTCFullYear() >= 1_000 && time.getUTCFullYear() <= 9_999;

/** A time that a client saves. Its year has four digits, so that each response can show it. */
export const storedInstantSchema = instantSchema
  .refine(isStorableTime, { error: 'The year must have four digits.', params: { code: 'INVALID_DATETIME' } })
  .meta({ format: 'date-time', example: sample.earlier });

/** A calendar date in a request. */
export const dateSchema = z.iso
  .date()
  .max(10)
  .refine((date) => date >= '1000', {
    error: 'The year must be 1000 or later.',
    params: { code: 'INVALID_DATE' },
  });

/** A time in a response: RFC 3339 in UTC with milliseconds. A string comes from a stored response (see platform/idempotency). */
export const timestampSchema = z
  .union([z.date(), z.iso.datetime()])
  .transform((time) => new Date(time).toISOString())
  .pipe(z.iso.datetime());

/** `{"data": …}`, the envelope of every successful response. */
export const item = <T extends z.ZodType>(schema: T) => z.object({ data: schema });

/** A short list without pages. */
export const list = <T extends z.ZodType>(schema: T) => z.object({ data: z.array(schema) });

/** A larger total is not counted, so that the cost of a count is bounded. */
export const TOTAL_MAX = 1_000;

const pageMetaShape = {
  limit: z.int(),
  nextCursor: z.string().nullable(),
  total: z
    .int()
    .nullable()
    .optional()
    .describe(
      `With \`include=total\`: the number of items on all pages, or null if it is not available because there are more than ${TOTAL_MAX}.`,
    ),
};

/** One page of a long list. `moreMeta` adds fields to `meta`. */
export const page = <T extends z.ZodType>(schema: T, moreMeta: z.ZodRawShape = {}) =>
  z.object({ data: z.array(schema), meta: z.object({ ...pageMetaShape, ...moreMeta }) });

export interface Page<T> {
  data: T[];
  meta: { limit: number; nextCursor: string | null; total?: number | null };
  /** The cursor of the page that starts after this row. */
  cursorOf(row: T): string;
  /** Null if there are more than TOTAL_MAX. */
  countTotal(): Promise<number | null>;
}

const CURSOR_MAX = 500;

/** The types of Zod can't express the enum of a type parameter. */
const sortOf = <S extends string>(sorts: readonly [S, ...S[]], defaultSort: S | `-${S}`) =>
  z
    .enum(sorts.flatMap((sort): string[] => [`-${sort}`, sort]))
    .default(defaultSort)
    .describe('A leading minus sorts in descending order.') as z.ZodType as z.ZodType<S | `-${S}`>;

/** Page numbers reach only this many rows, because Postgres reads all rows before the page. */
export const NUMBERED_ROWS_MAX = 5_000;

/** Add `page: pageNumberSchema` to the filters of a list whose screen has page numbers. */
export const pageNumberSchema = z.coerce
  .number()
  .int()
  .min(1)
  .max(NUMBERED_ROWS_MAX)
  .optional()
  .describe(
    `The number of the page, instead of \`cursor\`. \`page\` × \`limit\` is at most ${NUMBERED_ROWS_MAX}. Rows that are added or removed at the same time move others to another page.`,
  );

/** The query of a list: page, sort and filters. Each sort needs an index. Default: the first sort, descending. */
export const pageQuery = <S extends string, F extends z.ZodRawShape>(
  sorts: readonly [S, ...S[]],
  filters: F,
  defaultSort: S | `-${S}` = `-${sorts[0]}`,
) =>
  z
    .strictObject({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().max(CURSOR_MAX).optional(),
      sort: sortOf(sorts, defaultSort),
      include: z
        .enum(['total'])
        .optional()
        .describe(`\`total\` adds the number of items on all pages, up to ${TOTAL_MAX}.`),
      ...filters,
    })
    .refine((query) => !isTooFar(query as PageRequest), {
      path: ['page'],
      error: () => translate(platformTexts).pageTooFar(NUMBERED_ROWS_MAX),
      params: { code: 'PAGE_TOO_FAR' },
      when: hasNoIssue,
    })
    .refine(
      ({ page: number, cursor }: { page?: unknown; cursor?: unknown }) => !number || cursor === undefined,
      {
        path: ['page'],
        error: () => translate(platformTexts).pageAndCursor,
        params: { code: 'PAGE_AND_CURSOR' },
        when: hasNoIssue,
      },
    );

const hasNoIssue = ({ issues }: { issues: unknown[] }) => issues.length === 0;

const isTooFar = ({ page: number = 1, limit }: PageRequest) => number * limit > NUMBERED_ROWS_MAX;

export interface PageRequest<Sort extends string = string> {
  limit: number;
  cursor?: string | undefined;
  page?: number | undefined;
  sort: Sort;
  include?: 'total' | undefined;
}

/** The response of routes that must not reveal whether an email has an account. */
export const acceptedSchema = z
  .object({ status: z.literal('accepted') })
  .meta({ id: 'Accepted', description: 'The response is the same whether the email has an account or not.' })
  .register(examples, { Accepted: { status: 'accepted' } });

export const accepted = { data: { status: 'accepted' } } as const;
