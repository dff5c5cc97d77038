import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Config } from '../config/config.ts';
import { startWaitingServer } from '../health/waiting-server.ts';
import { createLogger } from '../logging/logger.ts';

const PAUSE_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Resolves once Postgres answers, which at a usual start is at once. Until then the port is held by a server that is
 * alive and not ready, since a program that ended, or didn't listen, would be restarted over and over. Resolves to what
 * gives the port back.
 */
export async function waitForDatabase(
  config: Config,
  address: { port: number; host?: string },
): Promise<() => Promise<void>> {
  const fault = await faultOfDatabase(config);
  if (!fault) return async () => undefined;
  const logger = createLogger(config.LOG_LEVEL);
  logger.warn({ err: fault }, 'Postgres does not answer: waiting for it');
  const server = startWaitingServer(config, address);
  while (await faultOfDatabase(config)) await pause(PAUSE_MS);
  logger.info('Postgres answers');
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

async function faultOfDatabase(config: Config): Promise<unknown> {
  const client = new pg.Client({
    connectionString: config.DATABASE_URL,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks while it is being closed.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
