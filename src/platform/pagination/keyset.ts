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

  private read(rows: SelectQueryBuilder<Row>, limit: number): Promise<Found<Row>[]> {
    // As text, because a JavaScript number or Date loses digits.
    const sortValue = `CAST(${this.by.value} AS text)`;
    return isPlain(rows)
      ? readPlain(rows.limit(limit), sortValue)
      : readEntities(rows.limit(limit), sortValue);
  }
}

interface SortedRow {
  sort_value: string | null;
}

async function readEntities<Row extends ObjectLiteral>(
  rows: SelectQueryBuilder<Row>,
  sortValue: string,
): Promise<Found<Row>[]> {
  const { entities, raw } = await rows.addSelect(sortValue, 'sort_value').getRawAndEntities<SortedRow>();
  if (raw.length !== entities.length)
    throw new Error(
      `The query of ${rows.alias} repeats rows. Group a join to many rows by ${rows.alias}.id.`,
    );
  return entities.map((row, index) => ({ row, position: [raw[index]!.sort_value, String(row['id'])] }));
}

/** Whether the query selects one entity without joins. */
function isPlain({ expressionMap, alias }: SelectQueryBuilder<ObjectLiteral>): boolean {
  const { joinAttributes, groupBys, selects, mainAlias } = expressionMap;
  if (joinAttributes.length > 0 || groupBys.length > 0) return false;
  const isNested = mainAlias!.metadata.columns.some((column) => column.propertyPath !== column.propertyName);
  return !isNested && selects.length === 1 && selects[0]!.selection === alias;
}

/** The same as `readEntities`, without TypeORM's general mapping of rows to entities (docs/performance.md). */
async function readPlain<Row extends ObjectLiteral>(
  rows: SelectQueryBuilder<Row>,
  sortValue: string,
): Promise<Found<Row>[]> {
  const { alias, connection } = rows;
  const { columns, target } = rows.expressionMap.mainAlias!.metadata;
  const shown = columns.filter(({ isSelect }) => isSelect);
  const names = shown.map(
    ({ databaseName, propertyName }) => `"${alias}"."${databaseName}" AS "${propertyName}"`,
  );
  const [statement, values] = rows
    .select(names.join(', '))
    .addSelect(sortValue, 'sort_value')
    .getQueryAndParameters();
  type Raw = SortedRow & Record<string, unknown>;
  // Not `getRawMany()`, which makes a query runner for the statement.
  const found = await connection.query<Raw[]>(statement, values, rows['queryRunner']);
  return found.map((raw) => {
    const row = Object.create((target as { prototype: object }).prototype) as Record<string, unknown>;
    for (const column of shown)
      row[column.propertyName] = connection.driver.prepareHydratedValue(raw[column.propertyName], column);
    return { row: row as Row, position: [raw.sort_value, String(row['id'])] };
  });
}
