import { describe, expect, it } from '@jest/globals';
import { csvLine } from './csv-line.ts';

describe('csvLine', () => {
  it('quotes values that need it', () => {
    const values = ['a,b', 'say "hi"', 'two\nlines', '', 'plain'];

    expect(csvLine(values)).toBe(`"a,b","say ""hi""","two\nlines",,plain\n`);
  });

  it('writes dates, objects and missing values as text', () => {
    const values = [new Date('2026-01-02T03:04:05Z'), { a: 1 }, true, null, undefined];

    expect(csvLine(values)).toBe(`2026-01-02T03:04:05.000Z,"{""a"":1}",true,,\n`);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('marks %j as text', (value) => {
    expect(csvLine([value]).replace(/^"/, '').startsWith(`'${value[0]}`)).toBe(true);
  });

  it('leaves numbers and safe text unchanged', () => {
    expect(csvLine([12, 'a=b', 'x@example.com'])).toBe('12,a=b,x@example.com\n');
  });
});
