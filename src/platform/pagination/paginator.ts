import { Injectable } from '@nestjs/common';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { InvalidCursorError } from '../errors/platform.errors.ts';
import { type Page, type PageRequest, TOTAL_MAX } from '../http/schemas.ts';
import { currentContext } from '../logging/request-context.ts';
import { MacService } from '../security/mac.service.ts';

interface Listing {
  /** The name of the list. A cursor is valid for one list only. */
  list: string;
  page: PageRequest;
  filters: Record<string, unknown>;
  /** Sort name → property of the entity. Each needs an index on (column, id). */
  sorts: Record<string, string>;
}

type Position = [value: string, id: string];

/**
 * Keyset pagination: the next page begins after the last row of the previous one. Each page costs the same, and inserted
 * or deleted rows cause no repeated or skipped rows.
 */
@Injectable()
export class Paginator {
  constructor(private readonly macs: MacService) {}

  async page<T extends ObjectLiteral>(rows: SelectQueryBuilder<T>, listing: Listing): Promise<Page<T>> {
    const { limit, sort, cursor, include } = listing.page;
    const descending = sort.startsWith('-');
    const property = listing.sorts[sort.replace(/^-/, '')] ?? 'id';
    const column = `${rows.alias}.${property}`;
    const direction = descending ? 'DESC' : 'ASC';
    rows.orderBy(column, direction).addOrderBy(`${rows.alias}.id`, direction);
    // In the same order, so that the count uses the index of the page and not the whole table.
    const all = rows.clone();
    const countTotal = () => countUpTo(TOTAL_MAX, all);
    const total = include === 'total' ? { total: await countTotal() } : {};
    rows.limit(limit + 1);
    if (cursor !== undefined) {
      const [value, id] = this.decode(cursor, listing);
      rows.andWhere(`(${column}, ${rows.alias}.id) ${descending ? '<' : '>'} (:cursorValue, :cursorId)`, {
        cursorValue: value,
        cursorId: id,
      });
    }
    const found = await rows.getMany();
    const data = found.slice(0, limit);
    const last = found.length > limit ? data.at(-1) : undefined;
    const cursorOf = (row: T) => this.encode(row, property, listing);
    return {
      data,
      meta: { limit, nextCursor: last ? cursorOf(last) : null, ...total },
      cursorOf,
      countTotal,
    };
  }

  private encode(row: ObjectLiteral, property: string, listing: Listing): string {
    const value: unknown = row[property];
    const position: Position = [value instanceof Date ? value.toISOString() : String(value), String(row.id)];
    const payload = Buffer.from(JSON.stringify(position)).toString('base64url');
    return `${payload}.${this.macs.sign(purposeOf(listing), payload)}`;
  }

  /** The MAC binds the cursor to caller, list, sort and filters, so a changed or foreign cursor is rejected. */
  private decode(cursor: string, listing: Listing): Position {
    const [payload = '', mac = ''] = cursor.split('.');
    if (!this.macs.verify(purposeOf(listing), payload, mac)) throw new InvalidCursorError();
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Position;
  }
}

const purposeOf = ({ list, page, filters }: Listing) =>
  `cursor:${currentContext()?.userId}:${list}:${page.sort}:${JSON.stringify(filters)}`;

/** Reads no more than `max` + 1 rows. Null if there are more than `max`. */
async function countUpTo<T extends ObjectLiteral>(
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
