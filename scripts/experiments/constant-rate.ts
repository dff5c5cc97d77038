/** Sends requests at a constant rate, however long the responses take. A closed loop would send less to a slow server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';

const CONNECTIONS = 40;
const TICK_MS = 10;

export interface Outcome {
  method: string;
  /** The status, or the error of the connection. */
  result: string;
  milliseconds: number;
}

/** Stops when `isOver`, and resolves when all responses have arrived. */
export async function sendAtConstantRate(
  url: string,
  perSecond: number,
  next: (number: number) => Dispatcher.RequestOptions,
  isOver: () => boolean,
): Promise<Outcome[]> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const requests: Promise<Outcome>[] = [];
  const start = performance.now();
  while (!isOver()) {
    const due = ((performance.now() - start) * perSecond) / 1_000;
    while (requests.length < due) requests.push(sendOne(pool, next(requests.length)));
    await sleep(TICK_MS);
  }
  const outcomes = await Promise.all(requests);
  await pool.close();
  return outcomes;
}

async function sendOne(pool: Pool, options: Dispatcher.RequestOptions): Promise<Outcome> {
  const start = performance.now();
  const result = await pool.request(options).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return String(statusCode);
    },
    (error: Error) => error.message,
  );
  return { method: options.method, result, milliseconds: performance.now() - start };
}
