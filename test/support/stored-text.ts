import type { DataSource } from 'typeorm';

/** Every row of every table as text, bytes in hexadecimal. Used to check that no secret is stored. */
export async function storedText(db: DataSource): Promise<string> {
  const tables = await db.query<{ name: string }[]>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  const texts = await Promise.all(
    tables.map(({ name }) =>
      db.query<{ text: string }[]>(`SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${name} t`),
    ),
  );
  return texts
    .flat()
    .map(({ text }) => text)
    .join('\n');
}
