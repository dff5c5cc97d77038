import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** A sort value that is not a column of the entity. */
export interface SortValue {
  /** SQL with the aliases of the query: `author.name`, `count(comment.id)`. */
  value: string;
  /** Whether it can be null. Rows without a value are the last of the list in both directions. */
  nullable: boolean;
}

/** The sort value of the last row of a page, as Postgres writes it, and the id of the row. */
export type Position = [value: string | null, id: string];

interface Found<Row> {
  row: Row;
  position: Position;
}

/** The order of a list: by a value, and by id where the values are equal. */
export class Keyset<Row extends ObjectLiteral> {
  private readonly id: string;
  private readonly direction: 'ASC' | 'DESC';

  constructor(
    private readonly rows: SelectQueryBuilder<Row>,
    private readonly by: SortValue,
    sort: string,
  ) {
    this.id = `${rows.alias}.id`;
    this.direction = sort.startsWith('-') ? 'DESC' : 'ASC';
    rows
      .orderBy(by.value, this.direction, by.nullable ? 'NULLS LAST' : undefined)
      .addOrderBy(this.id, this.direction);
  }

  /** The next rows after a position. Each statement reads one range of the index (value, id). */
  async readAfter(position: Position | undefined, limit: number): Promise<Found<Row>[]> {
    if (!position) return this.read(this.rows.clone(), limit);
    const [value, id] = position;
    const parameters = { cursorValue: value, cursorId: id };
    const isAfter = this.direction === 'DESC' ? '<' : '>';
    if (value === null) {
      const condition = `${this.by.value} IS NULL AND ${this.id} ${isAfter} :cursorId`;
      return this.read(this.where(condition, parameters), limit);
    }
    const condition = `(${this.by.value}, ${this.id}) ${isAfter} (:cursorValue, :cursorId)`;
    const found = await this.read(this.where(condition, parameters), limit);
    if (!this.by.nullable || found.length === limit) return found;
    // Not with OR in one statement: Postgres would read the index from its start.
    const withoutValue = await this.read(this.where(`${this.by.value} IS NULL`), limit - found.length);
    return [...found, ...withoutValue];
  }

  /** Reads and drops all rows before the page. */
  readPage(page: number, pageSize: number, limit: number): Promise<Found<Row>[]> {
    return this.read(this.rows.clone().offset((page - 1) * pageSize), limit);
  }

  private where(condition: string, parameters: ObjectLiteral = {}): SelectQueryBuilder<Row> {
    const rows = this.rows.clone();
    // Postgres evaluates HAVING before the groups if the condition has no aggregate.
    const isGrouped = rows.expressionMap.groupBys.length > 0;
    return isGrouped ? rows.andHaving(condition, parameters) : rows.andWhere(condition, parameters);
  }

  private async read(rows: SelectQueryBuilder<Row>, limit: number): Promise<Found<Row>[]> {
    // As text, because a JavaScript number or Date loses digits.
    rows.addSelect(`CAST(${this.by.value} AS text)`, 'sort_value').limit(limit);
    const { entities, raw } = await rows.getRawAndEntities<{ sort_value: string | null }>();
    if (raw.length !== entities.length)
      throw new Error(`The query of ${rows.alias} repeats rows. Group a join to many rows by ${this.id}.`);
    return entities.map((row, index) => ({ row, position: [raw[index]!.sort_value, String(row['id'])] }));
  }
}
