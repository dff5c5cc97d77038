import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './terminal.ts';
import { DEFAULT_PORT, NAME, type Received, type ReceiverState, startReceiver } from './webhook-receiver.ts';

const ARRIVAL_LIMIT_MS = 20_000;
const POLL_MS = 25;

/** A receiver on this machine: the one that compose has brought, or else one of our own. */
export class Receiver {
  /** Where the worker reaches it. */
  readonly url: string;
  /** Where we see what it was sent. */
  private readonly address: string;

  private constructor(address: string, url: string) {
    this.address = address;
    this.url = url;
  }

  static async open(settings: {
    WEBHOOK_RECEIVER_PORT?: string | undefined;
    WEBHOOK_RECEIVER_URL?: string | undefined;
  }): Promise<Receiver> {
    const port = Number(settings.WEBHOOK_RECEIVER_PORT || DEFAULT_PORT);
    const address = `http://127.0.0.1:${port}`;
    if (!(await stateOf(address))) {
      const url = settings.WEBHOOK_RECEIVER_URL || address;
      await startReceiver(port, '127.0.0.1', url).catch(ignoreTakenPort);
    }
    const state = await stateOf(address);
    if (state?.name === NAME) return new Receiver(address, state.url);
    throw new Failure(`port ${port} to be free, for a receiver of webhooks`, 'something else that listens', {
      hint: `choose another for both, as in: WEBHOOK_RECEIVER_PORT=${port + 10} bin/dev, and the same for bin/demo`,
    });
  }

  /** Waits for an event of this type at this path. */
  async next(path: string, eventType: string): Promise<Received> {
    const startedAt = performance.now();
    while (performance.now() - startedAt < ARRIVAL_LIMIT_MS) {
      const { received = [] } = (await stateOf(this.address)) ?? {};
      const found = received.find((one) => one.path === path && typeOf(one) === eventType);
      if (found) return found;
      await sleep(POLL_MS);
    }
    throw new Failure(`${eventType} at ${this.url} within ${ARRIVAL_LIMIT_MS / 1_000} s`, 'nothing', {
      hint: 'is the worker running, and can it reach that address?',
    });
  }
}

/** If the port is in use, ask its server whether it is a receiver. */
function ignoreTakenPort(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EADDRINUSE') throw error;
}

async function stateOf(address: string): Promise<ReceiverState | undefined> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as ReceiverState;
  } catch {
    return undefined;
  }
}

const typeOf = ({ body }: Received): string => (JSON.parse(body) as { type: string }).type;
