import { describe, expect, it } from '@jest/globals';
import { csvLine } from '../csv-line.ts';
import { ImportFileInvalidError } from '../users.errors.ts';
import { type CsvRecord, csvRecords, readHeader, textLines } from './import-csv.ts';

/** Splits the bytes into chunks of this size. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const linesOf = (text: string, size = 1_000_000) => all(textLines(inPieces(Buffer.from(text), size)));
const recordsOf = (text: string, size = 1_000_000): Promise<CsvRecord[]> =>
  all(csvRecords(textLines(inPieces(Buffer.from(text), size))));

describe('textLines', () => {
  it.each(['\n', '\r\n', '\r'])('ends lines at %j', async (end) => {
    const lines = await linesOf(['a', 'b', '', 'c', ''].join(end));

    expect(lines).toEqual(['a', 'b', '', 'c']);
  });

  it('returns the same lines for any chunk size, also within a CRLF or a character', async () => {
    const text = 'é,"naïve"\r\n\r\n日本語\r𝒳,b\nlast';

    const cuts = await Promise.all(Array.from({ length: 12 }, (_, n) => linesOf(text, n + 1)));

    expect(new Set(cuts.map((lines) => JSON.stringify(lines)))).toEqual(
      new Set([JSON.stringify(['é,"naïve"', '', '日本語', '𝒳,b', 'last'])]),
    );
  });

  it('drops a byte order mark at the start and keeps one in the middle', async () => {
    const lines = await linesOf('\uFEFFa\n\uFEFFb', 1);

    expect(lines).toEqual(['a', '\uFEFFb']);
  });

  it('returns no lines for an empty file', async () => {
    expect(await linesOf('')).toEqual([]);
  });

  it('keeps the line after one that exceeds the record limit', async () => {
    const lines = await linesOf(`${'x'.repeat(100_000)}\r\nnext`, 1_000);

    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('next');
    expect(lines[0]?.length).toBeLessThan(20_000);
  });
});

describe('csvRecords', () => {
  it('reads quoted commas, quotes and line ends, and numbers records by their first line', async () => {
    const records = await recordsOf('a,b\n"x, y","say ""hi"""\n"two\r\nlines",c\n"",\nd,e');

    expect(records).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['x, y', 'say "hi"'] },
      { line: 3, fields: ['two\nlines', 'c'] },
      { line: 5, fields: ['', ''] },
      { line: 6, fields: ['d', 'e'] },
    ]);
  });

  it('counts blank lines but returns no records for them', async () => {
    const records = await recordsOf('a\n\n\nb\n');

    expect(records).toEqual([
      { line: 1, fields: ['a'] },
      { line: 4, fields: ['b'] },
    ]);
  });

  it.each([
    ['text before a quote', 'a"b",c'],
    ['text after a quote', '"a"b,c'],
    ['a lone quote in the middle', 'a,b"c'],
  ])('reports a line with %s as invalid and continues with the next line', async (_, line) => {
    const records = await recordsOf(`${line}\nd,e`);

    expect(records).toEqual([
      { line: 1, fields: null },
      { line: 2, fields: ['d', 'e'] },
    ]);
  });

  it('loses only the line of a quote that is never closed', async () => {
    const below = Array.from({ length: 200 }, (_, n) => `user${n},x`);

    const records = await recordsOf(['"never closed,x', ...below].join('\n'));

    expect(records).toHaveLength(201);
    expect(records.filter(({ fields }) => fields === null)).toEqual([{ line: 1, fields: null }]);
  });

  it('closes an open quote at the next line that has one, as RFC 4180 says', async () => {
    const records = await recordsOf('"open,x\nb",y\nc,z');

    expect(records).toEqual([
      { line: 1, fields: ['open,x\nb', 'y'] },
      { line: 3, fields: ['c', 'z'] },
    ]);
  });

  it('reports a record above the size limit as invalid', async () => {
    const records = await recordsOf(`${'x'.repeat(50_000)},b\nc,d`, 4_096);

    expect(records).toEqual([
      { line: 1, fields: null },
      { line: 2, fields: ['c', 'd'] },
    ]);
  });
});

describe('the parse time of a file', () => {
  const hostile: [string, (size: number) => string][] = [
    ['one endless line', (size) => 'x'.repeat(size)],
    ['one endless quoted field', (size) => `"${'x'.repeat(size)}`],
    ['nothing but quotes', (size) => '"'.repeat(size)],
    ['a quote opened on every other line', (size) => '"a\nb\n'.repeat(size / 5)],
    ['quotes opened far apart', (size) => `"a\n${'b\n'.repeat(60)}`.repeat(size / 123)],
    ['nothing but line ends', (size) => '\r'.repeat(size)],
    ['nothing but commas', (size) => ','.repeat(size)],
  ];

  const secondsFor = async (text: string) => {
    const start = performance.now();
    await recordsOf(text, 16 * 1024);
    return performance.now() - start;
  };

  it.each(hostile)(
    'grows in proportion to the file size for %s',
    async (_, make) => {
      await secondsFor(make(25_000));

      // Takes the best of four alternating runs, so that other load does not change the result.
      let [small, large] = [Infinity, Infinity];
      for (let round = 0; round < 4; round += 1) {
        small = Math.min(small, await secondsFor(make(50_000)));
        large = Math.min(large, await secondsFor(make(400_000)));
      }

      // The file is 8 times larger. Quadratic time would be 64 times longer.
      expect(large / Math.max(small, 5)).toBeLessThan(24);
    },
    60_000,
  );
});

describe('readHeader', () => {
  it.each([
    ['email,displayName\n', ['email', 'displayName']],
    ['\uFEFFemail,displayName\r\nrest', ['email', 'displayName']],
    ['role,"email",displayName', ['role', 'email', 'displayName']],
  ])('accepts the header %j', (head, columns) => {
    expect([...readHeader(head).keys()]).toEqual(columns);
  });

  it.each([
    '',
    '\nemail,displayName',
    'email',
    'email,displayName,age',
    'email,displayName,email',
    'Email,DisplayName',
    'email;displayName',
    'email, displayName',
    'email,displayName,',
    '"email,displayName',
    '\0\0\0',
  ])('rejects %j', (head) => {
    expect(() => readHeader(head)).toThrow(ImportFileInvalidError);
  });

  it('shows the line that is not a header', () => {
    expect(() => readHeader('email;displayName\n')).toThrow('It is "email;displayName".');
  });
});

describe('the reader', () => {
  it('returns the values that csvLine has quoted', async () => {
    const values = ['a,b', 'say "hi"', 'two\nlines', '', 'plain'];

    const line = csvLine(values);

    expect(line.endsWith('\n')).toBe(true);
    expect(await recordsOf(line)).toEqual([{ line: 1, fields: values }]);
  });
});
