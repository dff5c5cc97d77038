import { Buffer } from 'node:buffer';

export interface ImportFile {
  /** The rows of the file, header first, each with its line ending. */
  rows: string[];
  bytes: number;
  /** The expected users: display name by email, sorted by email. */
  users: Map<string, string>;
  /** The expected report: error code by physical line. */
  faults: Map<number, string>;
}

interface Row {
  /** Makes each email unique. */
  number: number;
  email: string;
  /** Emails of earlier valid rows: the previous row and the first row. */
  earlier: string[];
  taken: string[];
}

type Fault = [code: string, cells: (row: Row) => string];

const ROWS = 10_000;
/** One fault per 50 rows: 200 faults, in every batch of the import. */
const FAULT_EVERY = 50;
const CHUNK_ROWS = 200;

/** Names with commas, quotes and many scripts, as in real files. */
const NAMES = [
  'Ada Lovelace',
  'Müller, Jürgen',
  'Zoë "Zo" O’Hara',
  'van den Berg, "Ans"',
  '李小龍',
  'Łukasz Żółć',
  'محمد الفاتح',
  'Ренат Әбілқайыр',
  'Grace 🚀 Hopper',
  "D'Arcy; Conor",
];

/** Each function returns a row with exactly one fault. */
const FAULTS: Fault[] = [
  ['EMAIL_INVALID', ({ number }) => `no-at-sign-${number}.example.com,No Name,user`],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[0]},Again At Once,user`],
  ['DISPLAY_NAME_INVALID', ({ email }) => `${email},,user`],
  ['ROLE_INVALID', ({ email }) => `${email},Unknown Role,king`],
  ['MALFORMED', ({ email }) => `${email},Too Few`],
  ['EMAIL_INVALID', () => ',No Email,user'],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[0]?.toUpperCase()},In Capitals,user`],
  ['DISPLAY_NAME_INVALID', ({ email }) => `${email},"   ",user`],
  ['ROLE_INVALID', ({ email }) => `${email},Two Roles,"user,admin"`],
  // Valid CSV, but a name must be one line. It moves all later rows down by a line.
  ['DISPLAY_NAME_INVALID', ({ email }) => `${email},"Anna Maria\nvan den Berg",user`],
  ['MALFORMED', ({ email }) => `${email},Too Many,user,"of\nthem"`],
  ['EMAIL_INVALID', ({ email }) => `two@${email},Two Signs,user`],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[1]},Again Much Later,user`],
  ['DISPLAY_NAME_INVALID', ({ email }) => `${email},${'Long '.repeat(400)}Name,user`],
  ['ROLE_INVALID', ({ email }) => `${email},Owner,owner`],
  ['MALFORMED', ({ email }) => `${email},A "Quoted" Word,user`],
  ['MALFORMED', ({ email }) => `${email},"Closed" Too Early,user`],
];

/** @param taken emails that already have an account. Each is used once, because a second row would be a duplicate. */
export function makeImportFile(emailPrefix: string, taken: string[]): ImportFile {
  const file: ImportFile = { rows: [], bytes: 0, users: new Map(), faults: new Map() };
  let line = 1;
  const add = (row: string) => {
    file.rows.push(`${row}\n`);
    file.bytes += Buffer.byteLength(row) + 1;
    // A line break within quotes moves all later rows down.
    line += row.split('\n').length;
  };
  add('email,displayName,role');
  let earlier: string[] = [];
  for (let number = 1; number <= ROWS; number += 1) {
    // Padded, so that the emails sort in the order of the rows.
    const email = `${emailPrefix}${String(number).padStart(5, '0')}@example.com`;
    if (number % FAULT_EVERY === 0) {
      const [code, cells] = faultFor(number / FAULT_EVERY - 1, taken);
      file.faults.set(line, code);
      add(cells({ number, email, earlier, taken }));
      continue;
    }
    const displayName = NAMES[number % NAMES.length]!;
    file.users.set(email, displayName);
    earlier = [email, earlier[1] ?? email];
    // An empty role means `user`.
    add(`${email},${quote(displayName)},${number % 3 === 0 ? '' : 'user'}`);
  }
  return file;
}

function faultFor(index: number, taken: string[]): Fault {
  const email = taken[index];
  if (email !== undefined) return ['EMAIL_TAKEN', () => `${email},Has An Account,user`];
  return FAULTS[index % FAULTS.length]!;
}

function quote(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

export async function* chunksOf({ rows }: ImportFile): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < rows.length; i += CHUNK_ROWS) {
    yield Buffer.from(rows.slice(i, i + CHUNK_ROWS).join(''));
  }
}

/** Rows of a well-formed CSV file (RFC 4180) as objects by column. */
export function parseCsv(text: string): Record<string, string>[] {
  const cells = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  const rows: string[][] = [[]];
  while (cells.lastIndex < text.length) {
    const match = cells.exec(text);
    if (!match) throw new Error(`not CSV: ${text.slice(cells.lastIndex, cells.lastIndex + 80)}`);
    const [, quoted, plain = '', end] = match;
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',' && cells.lastIndex < text.length) rows.push([]);
  }
  const [header = [], ...body] = rows;
  return body.map((row) => Object.fromEntries(header.map((column, i) => [column, row[i] ?? ''])));
}
