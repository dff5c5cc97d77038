import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ClientBase } from 'pg';

/** The code relies on these values. Otherwise settings of the database, the role or the URL would apply. */
export const SESSION_SETTINGS = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  search_path: 'public',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  // Starting parallel workers or compiling a statement takes longer than most statements here.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

type Settings = Record<string, string | number>;

/**
 * For `onConnect` of one pool, which waits for the returned promise although its type says void. A connection whose
 * statement gets no response for `silenceMaxMs` is closed, together with the idle connections of the pool.
 */
export function prepareConnection(settings: Settings | undefined, silenceMaxMs?: number) {
  const clients = new Set<ClientInternals>();
  return (client: ClientBase): unknown => {
    if (silenceMaxMs) closeWhenSilent(client as ClientInternals, silenceMaxMs, clients);
    return applySessionSettings(client, settings);
  };
}

/** Adds properties that the types of pg don't have. */
interface ClientInternals extends Client {
  readyForQuery: boolean;
  connection: Client['connection'] & { stream: Duplex & Partial<Pick<Socket, 'setTimeout'>> };
}

/**
 * The limits of the server don't help when the network drops all packets without closing the connection: a statement
 * would wait for hours. Not `query_timeout` of pg: it needs a timer per statement, and leaves the connection in the pool.
 */
function closeWhenSilent(client: ClientInternals, silenceMs: number, clients: Set<ClientInternals>): void {
  clients.add(client);
  client.once('end', () => clients.delete(client));
  const { stream } = client.connection;
  stream.setTimeout?.(silenceMs);
  // Not the callback of `setTimeout`: Node calls it once only, and the first time the connection may be idle.
  stream.on('timeout', () => {
    if (client.readyForQuery) return;
    stream.destroy(new ConnectionSilentError(silenceMs));
    // Idle connections are probably silent too, and each would make one more statement fail.
    for (const other of clients) if (isIdle(other)) other.connection.stream.destroy();
  });
}

const isIdle = (client: ClientInternals): boolean =>
  client.readyForQuery && client.getTransactionStatus() === 'I';

class ConnectionSilentError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(silenceMs: number) {
    super(`Postgres sent nothing for ${silenceMs / 1_000} s during a statement: the connection is closed.`);
  }
}

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
