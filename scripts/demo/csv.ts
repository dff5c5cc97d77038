import { Buffer } from 'node:buffer';

export interface ImportFile {
  /** The rows as in the file, header first, each with its line ending. */
  rows: string[];
  bytes: number;
  /** Who should arrive: displayName by address, in the order of the addresses. */
  users: Map<string, string>;
  /** What the report should say: code by physical line. */
  faults: Map<number, string>;
}

interface Row {
  /** Makes each address unique. */
  number: number;
  address: string;
  /** Addresses of good rows that stand further up: the row right before, and the first one. */
  earlier: string[];
  taken: string[];
}

type Fault = [code: string, cells: (row: Row) => string];

const ROWS = 10_000;
/** One fault in 50 rows makes 200, spread over every batch in which a server may take the file. */
const FAULT_EVERY = 50;
const CHUNK_ROWS = 200;

/** Names as real files have them: commas and quotes, many scripts. */
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

/** Each yields one row with one fault, and nothing else wrong with it. */
const FAULTS: Fault[] = [
  ['EMAIL_INVALID', ({ number }) => `no-at-sign-${number}.example.com,No Name,user`],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[0]},Again At Once,user`],
  ['DISPLAY_NAME_INVALID', ({ address }) => `${address},,user`],
  ['ROLE_INVALID', ({ address }) => `${address},Would Be King,king`],
  ['MALFORMED', ({ address }) => `${address},Too Few`],
  ['EMAIL_INVALID', () => ',No Address,user'],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[0]?.toUpperCase()},In Capitals,user`],
  ['DISPLAY_NAME_INVALID', ({ address }) => `${address},"   ",user`],
  ['ROLE_INVALID', ({ address }) => `${address},Two Roles,"user,admin"`],
  // A name is one line. As CSV it is right, though, and moves all that follows down by a line.
  ['DISPLAY_NAME_INVALID', ({ address }) => `${address},"Anna Maria\nvan den Berg",user`],
  ['MALFORMED', ({ address }) => `${address},Too Many,user,"of\nthem"`],
  ['EMAIL_INVALID', ({ address }) => `two@${address},Two Signs,user`],
  ['EMAIL_DUPLICATE', ({ earlier }) => `${earlier[1]},Again Much Later,user`],
  ['DISPLAY_NAME_INVALID', ({ address }) => `${address},${'Long '.repeat(400)}Name,user`],
  ['ROLE_INVALID', ({ address }) => `${address},Owner,owner`],
  ['MALFORMED', ({ address }) => `${address},A "Quoted" Word,user`],
  ['MALFORMED', ({ address }) => `${address},"Closed" Too Early,user`],
];

/** @param taken addresses that have an account already; each is used once, since a second time would be a duplicate */
export function makeImportFile(emailPrefix: string, taken: string[]): ImportFile {
  const file: ImportFile = { rows: [], bytes: 0, users: new Map(), faults: new Map() };
  let line = 1;
  const add = (row: string) => {
    file.rows.push(`${row}\n`);
    file.bytes += Buffer.byteLength(row) + 1;
    // A line break within quotes moves every later row down.
    line += row.split('\n').length;
  };
  add('email,displayName,role');
  let earlier: string[] = [];
  for (let number = 1; number <= ROWS; number += 1) {
    // Padded, so that the order of the addresses is the order of the rows.
    const address = `${emailPrefix}${String(number).padStart(5, '0')}@example.com`;
    if (number % FAULT_EVERY === 0) {
      const [code, cells] = faultFor(number / FAULT_EVERY - 1, taken);
      file.faults.set(line, code);
      add(cells({ number, address, earlier, taken }));
      continue;
    }
    const displayName = NAMES[number % NAMES.length]!;
    file.users.set(address, displayName);
    earlier = [address, earlier[1] ?? address];
    // No role means an ordinary user.
    add(`${address},${quote(displayName)},${number % 3 === 0 ? '' : 'user'}`);
  }
  return file;
}

function faultFor(index: number, taken: string[]): Fault {
  const address = taken[index];
  if (address !== undefined) return ['EMAIL_TAKEN', () => `${address},Has An Account,user`];
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
