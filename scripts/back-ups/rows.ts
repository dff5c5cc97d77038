import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { UsageError } from '../usage-error.ts';
import type { Table } from './database.ts';

/** Ends the rows of a COPY. In a row, these characters are escaped. */
const END_OF_ROWS = '\\.\n';
const CHUNK_BYTES = 2 ** 20;

/**
 * Writes the rows in the form of `pg_dump --data-only`, compressed. psql can restore it, too. Rows are streamed, so that a
 * large table needs no memory. `db` is in the transaction that sees the snapshot.
 */
export async function writeRows(db: pg.Client, tables: Table[], file: string): Promise<void> {
  await pipeline(
    sqlOf(db, tables),
    createGzip(),
    createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }),
  );
}

async function* sqlOf(db: pg.Client, tables: Table[]): AsyncGenerator<string | Buffer> {
  // Dates in a form that every server reads in the same way, and names with their schema.
  await db.query(
    `SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL search_path = ''`,
  );
  // Foreign keys form cycles, so they are checked when all rows are there.
  const foreignKeys = await listForeignKeys(db);
  for (const { table, name } of foreignKeys) yield `ALTER TABLE ${table} DROP CONSTRAINT ${name};\n`;
  for (const { name, columns } of tables) {
    const target = `public.${db.escapeIdentifier(name)} (${columns.map((column) => db.escapeIdentifier(column)).join(', ')})`;
    yield `COPY ${target} FROM stdin;\n`;
    yield* db.query(copyTo(`COPY ${target} TO STDOUT`)) as AsyncIterable<Buffer>;
    yield END_OF_ROWS;
  }
  for (const { table, name, definition } of foreignKeys)
    yield `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition};\n`;
  yield* sequencesOf(db);
}

interface ForeignKey {
  table: string;
  name: string;
  definition: string;
}

async function listForeignKeys(db: pg.Client): Promise<ForeignKey[]> {
  const { rows } = await db.query<ForeignKey>(
    `SELECT format('public.%I', relname) AS table, quote_ident(conname) AS name,
       pg_get_constraintdef(pg_constraint.oid) AS definition
     FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
     WHERE contype = 'f' AND relnamespace = 'public'::regnamespace ORDER BY 1, 2`,
  );
  return rows;
}

/** Read after the rows. Sequences ignore the snapshot, so their values are never below those in the rows. */
async function* sequencesOf(db: pg.Client): AsyncGenerator<string> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT format('public.%I', relname) AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname <> 'migrations_id_seq'`,
  );
  for (const { name } of rows) {
    const { rows: states } = await db.query<{ sql: string }>(
      `SELECT format('SELECT pg_catalog.setval(%L, %s, %L);', $1::text, last_value, is_called) AS sql FROM ${name}`,
      [name],
    );
    yield `${states[0]?.sql}\n`;
  }
}

/** Restores what `writeRows` has written into empty tables: all of it or nothing. */
export async function restoreRows(db: pg.Client, file: string): Promise<void> {
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  // The iterator handles errors only while it waits for a chunk. Between two chunks, statements run.
  unpacked.on('error', () => undefined);
  pipeline(createReadStream(file), unpacked).catch(() => undefined);
  const sql = new SqlReader(unpacked[Symbol.asyncIterator]());
  try {
    await db.query('BEGIN');
    for (let line = await sql.line(); line !== undefined; line = await sql.line()) {
      if (line.startsWith('COPY ')) {
        await pipeline(Readable.from(sql.rows(), { objectMode: false }), db.query(copyFrom(line)));
      } else {
        await db.query(line);
      }
    }
    await db.query('COMMIT');
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw error;
    throw new UsageError(`${file} is damaged or incomplete (${message}). Copy it again.`, { cause: error });
  }
}

/** Reads statements of one line, and the rows after a COPY. */
class SqlReader {
  /** Begins at the start of a line. */
  private buffered = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(chunks: AsyncIterator<Buffer>) {
    this.chunks = chunks;
  }

  /** Undefined at the end of the file. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.buffered.indexOf('\n');
      if (end !== -1) return this.take(end + 1).toString();
      if (!(await this.readMore())) return undefined;
    }
  }

  /** The rows until the end of the COPY, in parts of whole rows. */
  async *rows(): AsyncGenerator<Buffer> {
    for (;;) {
      const isEnd = this.buffered.subarray(0, END_OF_ROWS.length).equals(Buffer.from(END_OF_ROWS));
      const end = isEnd ? 0 : this.buffered.indexOf(`\n${END_OF_ROWS}`) + 1;
      const hasEnd = isEnd || end > 0;
      const rows = this.take(hasEnd ? end : this.buffered.lastIndexOf('\n') + 1);
      if (rows.length > 0) yield rows;
      if (hasEnd) {
        this.take(END_OF_ROWS.length);
        return;
      }
      if (!(await this.readMore())) throw new UsageError('The back-up ends in the middle of a table.');
    }
  }

  private take(length: number): Buffer {
    const taken = this.buffered.subarray(0, length);
    this.buffered = this.buffered.subarray(length);
    return taken;
  }

  private async readMore(): Promise<boolean> {
    const { value, done } = await this.chunks.next();
    if (done) return false;
    this.buffered = Buffer.concat([this.buffered, value]);
    return true;
  }
}
