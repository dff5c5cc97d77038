import { readdirSync } from 'node:fs';
import type { Rule } from './authorization-rule.ts';

const FOLDER = new URL('./authorization/', import.meta.url);

/** Expected response status per operation and caller: the rows of `authorization/<feature>.ts`. */
export const matrix = await collectRows<Rule>(/^[\w-]+\.ts$/);

/** The rows of the files in `authorization/` whose names match. */
export async function collectRows<Row>(names: RegExp): Promise<Record<string, Row>> {
  const all: Record<string, Row> = {};
  for (const file of readdirSync(FOLDER).filter((name) => names.test(name))) {
    const { rows } = (await import(new URL(file, FOLDER).href)) as { rows: Record<string, Row> };
    const taken = Object.keys(rows).find((name) => name in all);
    if (taken) throw new Error(`${file}: another file has a row for ${taken} too.`);
    Object.assign(all, rows);
  }
  return all;
}
