import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './terminal.ts';
import { DEFAULT_PORT, NAME, type Received, type ReceiverState, startReceiver } from './webhook-receiver.ts';

const ARRIVAL_LIMIT_MS = 20_000;
const POLL_MS = 25;

/** A webhook receiver on this machine: the one of docker compose, or else a new one. */
export class Receiver {
  /** The URL for the worker. */
  readonly url: string;
  /** The URL that lists the received requests. */
  private readonly stateUrl: string;

  private constructor(stateUrl: string, url: string) {
    this.stateUrl = stateUrl;
    this.url = url;
  }

  static async open(settings: {
    WEBHOOK_RECEIVER_PORT?: string | undefined;
    WEBHOOK_RECEIVER_URL?: string | undefined;
  }): Promise<Receiver> {
    const port = Number(settings.WEBHOOK_RECEIVER_PORT || DEFAULT_PORT);
    const stateUrl = `http://127.0.0.1:${port}`;
    if (!(await stateOf(stateUrl))) {
      const url = settings.WEBHOOK_RECEIVER_URL || stateUrl;
      await startReceiver(port, '127.0.0.1', url).catch(ignoreTakenPort);
    }
    const state = await stateOf(stateUrl);
    if (state?.name === NAME) return new Receiver(stateUrl, state.url);
    throw new Failure(`a free port ${port} for the webhook receiver`, 'a port in use', {
      hint: `set another port for bin/dev and bin/demo: WEBHOOK_RECEIVER_PORT=${port + 10}`,
    });
  }

  /** Waits for an event of this type at this path. */
  async next(path: string, eventType: string): Promise<Received> {
    const startedAt = performance.now();
    while (performance.now() - startedAt < ARRIVAL_LIMIT_MS) {
      const { received = [] } = (await stateOf(this.stateUrl)) ?? {};
      const found = received.find((one) => one.path === path && typeOf(one) === eventType);
      if (found) return found;
      await sleep(POLL_MS);
    }
    throw new Failure(`${eventType} at ${this.url} within ${ARRIVAL_LIMIT_MS / 1_000} s`, 'nothing', {
      hint: 'is the worker running, and can it reach this URL?',
    });
  }
}

/** If the port is in use, its server may be a receiver. */
function ignoreTakenPort(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EADDRINUSE') throw error;
}

async function stateOf(url: string): Promise<ReceiverState | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as ReceiverState;
  } catch {
    return undefined;
  }
}

const typeOf = ({ body }: Received): string => (JSON.parse(body) as { type: string }).type;
