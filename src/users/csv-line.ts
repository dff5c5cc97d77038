export type CsvValue = string | number | boolean | object | null | undefined;

/** One line of a CSV file. A value that looks like a formula is marked as text (CWE-1236). */
export function csvLine(values: CsvValue[]): string {
  const quoted = values.map((value) => {
    const text = textOf(value).replace(/^[=+\-@\t\r]/, `'$&`);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\n`;
}

function textOf(value: CsvValue): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
