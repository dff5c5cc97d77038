import type { ClientBase } from 'pg';

/** The code relies on these values. Otherwise settings of the database, the role or the URL would apply. */
const SESSION_SETTINGS = {
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
  (settings: Settings) =>
  (client: ClientBase): unknown =>
    applySessionSettings(client, settings);

/**
 * Uses a statement, because a pooler rejects or drops startup parameters, and `options` in the URL replaces them. Times
 * without a unit are milliseconds.
 */
export async function applySessionSettings(client: ClientBase, settings: Settings): Promise<void> {
  // The pool handles errors of idle clients only. Without this listener, a connection that breaks just as it is
  // checked out would end the process; its next statement fails anyway.
  client.on('error', () => undefined);
  await client.query('SELECT set_config(key, value, false) FROM json_each_text($1)', [
    JSON.stringify({ ...SESSION_SETTINGS, ...settings }),
  ]);
}
