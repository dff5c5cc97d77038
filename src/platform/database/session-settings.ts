import type { ClientBase } from 'pg';

/** The code relies on these values. Otherwise settings of the database, the role or the URL would apply. */
export const SESSION_SETTINGS = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  search_path: 'public',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
};

type Settings = Record<string, string | number>;

/** For `onConnect` of a pool, which waits for the returned promise although its type says void. */
export const prepareConnection =
  (settings: Settings | undefined) =>
  (client: ClientBase): unknown =>
    applySessionSettings(client, settings);

/**
 * Uses a statement, because a pooler rejects or drops startup parameters, and `options` in the URL replaces them. Times
 * without a unit are milliseconds. Undefined: sets nothing, because the role has the settings.
 */
export async function applySessionSettings(
  client: ClientBase,
  settings: Settings | undefined,
): Promise<void> {
  // The pool handles errors of idle clients only. Without this listener, a connection that breaks just as it is
  // checked out would end the process; its next statement fails anyway.
  client.on('error', () => undefined);
  if (!settings) return;
  await client.query('SELECT set_config(key, value, false) FROM json_each_text($1)', [
    JSON.stringify({ ...SESSION_SETTINGS, ...settings }),
  ]);
}

/**
 * Makes the settings the defaults of the current role in this database, for new connections. A pooler may run each
 * statement of a client on another connection, so that a client can't set them (docs/decisions/0059-behind-a-pooler.md).
 */
export async function applyRoleSettings(client: ClientBase, settings: Settings): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER ROLE CURRENT_USER IN DATABASE %I SET %I = %L', current_database(), key, value) AS statement
     FROM json_each_text($1)`,
    [JSON.stringify({ ...SESSION_SETTINGS, ...settings })],
  );
  for (const { statement } of rows) await client.query(statement);
}
