import { readdirSync } from 'node:fs';
import type { FieldRule, Rule } from './authorization-rule.ts';

const FOLDER = new URL('./authorization/', import.meta.url);

/** Expected response status per operation and caller: the rows of `authorization/<feature>.ts`. */
export const matrix = await collect<Rule>((file) => !file.endsWith('.graphql.ts'));

/** Expected outcome per root field and caller: the rows of `authorization/<feature>.graphql.ts`. */
export const graphqlMatrix = await collect<FieldRule>((file) => file.endsWith('.graphql.ts'));

async function collect<Row>(isWanted: (file: string) => boolean): Promise<Record<string, Row>> {
  const all: Record<string, Row> = {};
  for (const file of readdirSync(FOLDER).filter(isWanted)) {
    const { rows } = (await import(new URL(file, FOLDER).href)) as { rows: Record<string, Row> };
    const taken = Object.keys(rows).find((name) => name in all);
    if (taken) throw new Error(`${file}: another file has a row for ${taken} too.`);
    Object.assign(all, rows);
  }
  return all;
}
