import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { type Config, StartupError } from '../config/config.ts';
import { describePermanentFault } from '../database/connection-faults.ts';
import { databaseUrl, type ProcessRole, sessionSettings } from '../database/data-source.ts';
import { applySessionSettings } from '../database/session-settings.ts';
import { createLogger } from '../logging/logger.ts';
import { startPlaceholderServer } from './placeholder-server.ts';

const PAUSE_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const LOG_AGAIN_MS = 60_000;

/**
 * Resolves when Postgres accepts connections, to a function that releases the port. While it waits, a placeholder
 * server reports "alive, not ready", because platforms restart a process that exits or doesn't listen. Throws a
 * StartupError for a permanent fault.
 */
export async function waitForDatabase(
  config: Config,
  role: ProcessRole,
  address: { port: number; host?: string },
): Promise<() => Promise<void>> {
  let fault = await connectionFault(config, role);
  if (!fault) return async () => undefined;
  const logger = createLogger(config.LOG_LEVEL);
  const server = await startPlaceholderServer(config, address);
  let logged: { code: string | undefined; at: number } | undefined;
  while (fault) {
    const { code } = fault;
    const permanent = describePermanentFault(fault);
    if (permanent) throw new StartupError(permanent);
    if (!logged || logged.code !== code || Date.now() - logged.at >= LOG_AGAIN_MS) {
      logger.warn({ err: fault }, 'Postgres is unavailable: waiting for it');
      logged = { code, at: Date.now() };
    }
    await pause(PAUSE_MS);
    fault = await connectionFault(config, role);
  }
  logger.info('Postgres is available');
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

/** Connects as the pool does, so that the pool succeeds if this does. */
async function connectionFault(
  config: Config,
  role: ProcessRole,
): Promise<NodeJS.ErrnoException | undefined> {
  let client: pg.Client | undefined;
  try {
    client = new pg.Client({
      connectionString: databaseUrl(config, role),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
    });
    // The connection may break while it closes.
    client.on('error', () => undefined);
    await client.connect();
    await applySessionSettings(client, sessionSettings(config, role));
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  } finally {
    await client?.end().catch(() => undefined);
  }
}
