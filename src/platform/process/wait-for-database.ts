import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Config } from '../config/config.ts';
import { startPlaceholderServer } from './placeholder-server.ts';
import { createLogger } from '../logging/logger.ts';
import { StartupError } from './start.ts';

const PAUSE_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const TOLD_AGAIN_MS = 60_000;
/** Refused credentials (class 28), and a database that does not exist: waiting mends neither. */
const FINAL = /^(28...|3D000)$/;

/**
 * Resolves once Postgres answers, which at a usual start is at once. Until then the port is held by a server that is
 * alive and not ready, since a program that ended, or didn't listen, would be restarted over and over. Resolves to what
 * gives the port back. Where Postgres answers, and refuses us for good, the program ends.
 */
export async function waitForDatabase(
  config: Config,
  address: { port: number; host?: string },
): Promise<() => Promise<void>> {
  let fault = await faultOfDatabase(config);
  if (!fault) return async () => undefined;
  const logger = createLogger(config.LOG_LEVEL);
  const server = startPlaceholderServer(config, address);
  let told: { code: string | undefined; at: number } | undefined;
  while (fault) {
    const { code, message } = fault;
    if (FINAL.test(code ?? '')) throw new StartupError(`Postgres refuses DATABASE_URL: ${message}.`);
    if (!told || told.code !== code || Date.now() - told.at >= TOLD_AGAIN_MS) {
      logger.warn({ err: fault }, 'Postgres does not answer: waiting for it');
      told = { code, at: Date.now() };
    }
    await pause(PAUSE_MS);
    fault = await faultOfDatabase(config);
  }
  logger.info('Postgres answers');
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

async function faultOfDatabase(config: Config): Promise<NodeJS.ErrnoException | undefined> {
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
    return error as NodeJS.ErrnoException;
  } finally {
    await client.end().catch(() => undefined);
  }
}
