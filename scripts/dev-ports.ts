import { readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { becomesTrue, commandOf, isPortFree, SetupError } from './processes.ts';

interface PortRequest {
  /** The setting that chooses the port. */
  name: string;
  value: string | undefined;
  fallback: number;
  host: string;
  /** How many consecutive ports are needed. */
  count: number;
}

const STEP = 10;
const TRIES = 100;
/** A bin/dev that was killed a moment ago may still be closing its ports. */
const CLOSING_MS = 1_500;

const reservations: string[] = [];
process.on('exit', () => reservations.forEach((path) => rmSync(path, { force: true })));

/**
 * Reserves consecutive ports and returns the first. A port that is set must be free. Otherwise the next free one is
 * chosen, so that several bin/dev can run at the same time.
 */
export async function reservePorts({ name, value, fallback, host, count }: PortRequest): Promise<number> {
  if (value) {
    const port = Number(value);
    if (await becomesTrue(() => reserveAll(port, count, host), CLOSING_MS)) return port;
    throw new SetupError(
      `Port ${port} is in use. Stop the program that uses it, or choose another port: ${name}=${port + STEP} bin/dev`,
    );
  }
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = fallback + attempt * STEP;
    if (await reserveAll(port, count, host)) return port;
  }
  throw new SetupError(`No free port found from ${fallback} on. Choose one: ${name}=… bin/dev`);
}

async function reserveAll(first: number, count: number, host: string): Promise<boolean> {
  const ports = Array.from({ length: count }, (_, index) => first + index);
  if (!ports.every(reserve)) return false;
  const areFree = await Promise.all(ports.map((port) => isPortFree(port, host)));
  return areFree.every(Boolean);
}

/**
 * A symbolic link to our process id reserves a port among all bin/dev of this machine. Checking the port alone is not
 * enough, because the server opens it seconds later.
 */
function reserve(port: number): boolean {
  const path = join(tmpdir(), `bin-dev-port-${port}`);
  if (reservations.includes(path)) return true;
  try {
    symlinkSync(String(process.pid), path);
    reservations.push(path);
    return true;
  } catch {
    if (isReservedByOther(path)) return false;
    rmSync(path, { force: true });
    return reserve(port);
  }
}

function isReservedByOther(path: string): boolean {
  try {
    return commandOf(Number(readlinkSync(path))).includes('dev.ts');
  } catch {
    return false;
  }
}
