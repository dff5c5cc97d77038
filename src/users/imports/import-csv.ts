import { localize } from '../../platform/i18n/locales.ts';
import { ImportFileInvalidError } from '../users.errors.ts';
import { usersTexts } from '../users.texts.ts';

/** One record of the file. `fields` is null if its quoting is broken. */
export interface CsvRecord {
  /** Physical line where the record starts. The header is line 1. */
  line: number;
  fields: string[] | null;
}

export type ImportColumn = 'email' | 'displayName' | 'role';
const REQUIRED: ImportColumn[] = ['email', 'displayName'];
const KNOWN: string[] = [...REQUIRED, 'role'];

/** Limits the damage of an unclosed quote to one line. */
const RECORD_MAX_LINES = 50;
const RECORD_MAX_CHARACTERS = 16_384;
/** How much of an invalid header the error shows. */
const SHOWN_MAX = 100;

/**
 * Parses RFC 4180 records with LF, CRLF or CR. Unlike general parsers it continues after a broken record, at the line
 * below its first line. So one import reports all errors of the file.
 */
export async function* csvRecords(lines: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  const buffered: string[] = [];
  const source = lines[Symbol.asyncIterator]();
  const fill = async (count: number): Promise<boolean> => {
    while (buffered.length < count) {
      const next = await source.next();
      if (next.done) return false;
      buffered.push(next.value);
    }
    return true;
  };
  for (let line = 1; await fill(1);) {
    const { fields, lineCount } = await readRecord(buffered, fill);
    // A blank line is no record.
    if (fields?.length !== 1 || fields[0] !== '') yield { line, fields };
    buffered.splice(0, lineCount);
    line += lineCount;
  }
}

/** Joins lines while a quoted field is open. */
async function readRecord(buffered: string[], fill: (count: number) => Promise<boolean>) {
  let text = buffered[0] ?? '';
  for (let lineCount = 1; ; lineCount += 1) {
    const fields = text.length > RECORD_MAX_CHARACTERS ? null : splitRecord(text);
    if (fields !== 'open') return { fields, lineCount: fields ? lineCount : 1 };
    if (lineCount >= RECORD_MAX_LINES || !(await fill(lineCount + 1))) return { fields: null, lineCount: 1 };
    text += `\n${buffered[lineCount]}`;
  }
}

// A field and its delimiter. Sticky, so that fields match one after the other without gaps.
const FIELD = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;

/** The fields, 'open' if a quoted field needs another line, or null if the record is broken. */
function splitRecord(text: string): string[] | 'open' | null {
  const fields: string[] = [];
  FIELD.lastIndex = 0;
  for (;;) {
    const start = FIELD.lastIndex;
    const match = FIELD.exec(text);
    if (!match) return isOpenQuote(text.slice(start)) ? 'open' : null;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return fields;
  }
}

/** A quoted field with no closing quote in the rest of the text. */
const isOpenQuote = (rest: string) =>
  rest.startsWith('"') && !rest.slice(1).replaceAll('""', '').includes('"');

/** Maps each column to its position. Throws IMPORT_FILE_INVALID if the header is wrong. */
export function readHeader(head: string): Map<ImportColumn, number> {
  const [first = ''] = head.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const columns = splitRecord(first);
  const isValid =
    Array.isArray(columns) &&
    new Set(columns).size === columns.length &&
    columns.every((column) => KNOWN.includes(column)) &&
    REQUIRED.every((column) => columns.includes(column));
  if (!isValid) {
    throw new ImportFileInvalidError({
      detail: localize(usersTexts, (texts) => texts.wrongHeader(JSON.stringify(first.slice(0, SHOWN_MAX)))),
    });
  }
  return new Map(columns.map((column, position) => [column as ImportColumn, position]));
}

/**
 * Physical lines without line ends and without a byte order mark. A line that is too long is truncated, so that a
 * file with a single line does not use more memory.
 */
export async function* textLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = truncateLine(lines.pop() ?? '');
    yield* lines;
  }
  rest += decoder.decode();
  const lines = rest.split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  yield* lines;
}

function truncateLine(line: string): string {
  if (line.length <= RECORD_MAX_CHARACTERS + 2) return line;
  return line.slice(0, RECORD_MAX_CHARACTERS + 1) + (line.endsWith('\r') ? '\r' : '');
}
