import { Injectable } from '@nestjs/common';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { InvalidCursorError } from '../errors/platform.errors.ts';
import { type Page, type PageRequest, TOTAL_MAX } from '../http/schemas.ts';
import { currentContext } from '../logging/request-context.ts';
import { MacService } from '../security/mac.service.ts';
import { Keyset, type Position, type SortValue } from './keyset.ts';

interface Listing<Sort extends string> {
  /** The name of the list. A cursor is valid for one list only. */
  list: string;
  page: PageRequest<Sort>;
  filters: Record<string, unknown>;
}

type NameOf<Sort extends string> = Sort extends `-${infer Name}` ? Name : Sort;

/** A sort is a property of the entity, or its value is declared here. Each needs an index on (value, id). */
type Sorts<Row, Name extends string> = [Exclude<Name, keyof Row>] extends [never]
  ? { sorts?: { [Key in Name]?: SortValue } }
  : { sorts: Record<Exclude<Name, keyof Row>, SortValue> & { [Key in Name]?: SortValue } };

/**
 * Keyset pagination: the next page begins after the last row of the previous one. Each page costs the same, and inserted
 * or deleted rows cause no repeated or skipped rows.
 */
@Injectable()
export class Paginator {
  constructor(private readonly macs: MacService) {}

  async page<Row extends ObjectLiteral, Sort extends string>(
    rows: SelectQueryBuilder<Row>,
    listing: Listing<Sort> & Sorts<Row, NameOf<Sort>>,
  ): Promise<Page<Row>> {
    const { limit, sort, cursor, include, page } = listing.page;
    const position = cursor === undefined ? undefined : this.decode(cursor, listing);
    const keyset = new Keyset(rows, sortValueOf(rows, listing), sort);
    // In the order of the list, so that the count uses its index.
    const countTotal = () => countUpTo(TOTAL_MAX, rows);
    const total = include === 'total' ? { total: await countTotal() } : {};
    const found = page
      ? await keyset.readPage(page, limit, limit + 1)
      : await keyset.readAfter(position, limit + 1);
    const data = found.slice(0, limit).map(({ row }) => row);
    const positions = new Map(found.map(({ position: at }) => [at[1], at]));
    const cursorOf = (row: Row) => this.encode(positions.get(String(row['id']))!, listing);
    const last = found.length > limit ? data.at(-1) : undefined;
    return {
      data,
      meta: { limit, nextCursor: last ? cursorOf(last) : null, ...total },
      cursorOf,
      countTotal,
    };
  }

  private encode(position: Position, listing: Listing<string>): string {
    const payload = Buffer.from(JSON.stringify(position)).toString('base64url');
    return `${payload}.${this.macs.sign(purposeOf(listing), payload)}`;
  }

  /** The MAC binds the cursor to caller, list, sort and filters, so a changed or foreign cursor is rejected. */
  private decode(cursor: string, listing: Listing<string>): Position {
    const [payload = '', mac = ''] = cursor.split('.');
    if (!this.macs.verify(purposeOf(listing), payload, mac)) throw new InvalidCursorError();
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Position;
  }
}

const purposeOf = ({ list, page, filters }: Listing<string>) =>
  `cursor:${currentContext()?.userId}:${list}:${page.sort}:${JSON.stringify(filters)}`;

function sortValueOf<Row extends ObjectLiteral>(
  rows: SelectQueryBuilder<Row>,
  { page, sorts }: { page: PageRequest; sorts?: Partial<Record<string, SortValue>> },
): SortValue {
  const name = page.sort.replace(/^-/, '');
  const declared = sorts?.[name];
  if (declared) return declared;
  const column = rows.expressionMap.mainAlias!.metadata.findColumnWithPropertyName(name);
  if (!column) throw new Error(`The entity of ${rows.alias} has no column for the sort ${name}`);
  return { value: `${rows.alias}.${name}`, nullable: column.isNullable };
}

/** Reads no more than `max` + 1 rows. Null if there are more than `max`. */
export async function countUpTo<T extends ObjectLiteral>(
  max: number,
  rows: SelectQueryBuilder<T>,
): Promise<number | null> {
  const some = rows
    .clone()
    .select('1', 'one')
    .limit(max + 1);
  const { count } = (await rows.connection
    .createQueryBuilder()
    .select('count(*)::int', 'count')
    .from(`(${some.getQuery()})`, 'some')
    .setParameters(some.getParameters())
    .getRawOne<{ count: number }>())!;
  return count > max ? null : count;
}
