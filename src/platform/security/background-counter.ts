import pLimit from 'p-limit';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** Above this number, the oldest window is dropped from memory. The store still has its count. */
const WINDOWS_MAX = 100_000;
const PARALLEL_WRITES = 4;

interface Window {
  endsAt: number;
  /** Requests of all instances that this instance knows of. */
  used: number;
  /** Part of `used` that is not in the store yet. */
  pending: number;
}

/**
 * Counts requests in this process, and adds them to the shared store with `flush`, so that a request doesn't wait for the
 * store. Until the next flush, instances don't know of each other's requests.
 */
export class BackgroundCounter {
  private readonly windows = new Map<string, Window>();
  private readonly changed = new Map<string, Window>();
  private flushing: Promise<unknown> | undefined;

  constructor(private readonly store: RateLimiterAbstract) {}

  /** Counts one request, unless the limit is used up. */
  count(key: string, now = Date.now()): { isLimited: boolean; state: RateLimiterRes } {
    const window = this.currentWindow(key, now);
    const { points } = this.store;
    const isLimited = window.used >= points;
    if (!isLimited) {
      window.used += 1;
      window.pending += 1;
      this.changed.set(key, window);
    }
    return {
      isLimited,
      state: new RateLimiterRes(Math.max(0, points - window.used), window.endsAt - now, window.used),
    };
  }

  /** Adds the requests since the last flush to the store, and reads the counts that other instances have added. */
  async flush(): Promise<void> {
    this.flushing ??= this.writeChanges().finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  /** Drops windows that have ended. */
  sweep(now = Date.now()): void {
    for (const [key, { endsAt }] of this.windows) if (endsAt <= now) this.windows.delete(key);
  }

  private currentWindow(key: string, now: number): Window {
    const known = this.windows.get(key);
    if (known && known.endsAt > now) return known;
    const window = { endsAt: now + this.store.duration * 1_000, used: 0, pending: 0 };
    const [oldest] = this.windows.size < WINDOWS_MAX ? [] : this.windows.keys();
    this.windows.delete(oldest ?? key);
    this.windows.set(key, window);
    return window;
  }

  private writeChanges(): Promise<unknown> {
    const changes = [...this.changed];
    this.changed.clear();
    // Few at a time: in Postgres, requests need the same connections.
    return pLimit(PARALLEL_WRITES).map(changes, ([key, window]) => this.write(key, window));
  }

  private async write(key: string, window: Window): Promise<void> {
    if (window.endsAt <= Date.now()) return;
    const added = window.pending;
    window.pending = 0;
    const state = await this.store.consume(key, added).catch((error: unknown) => {
      if (error instanceof RateLimiterRes) return error;
      throw error;
    });
    const used = state.consumedPoints + window.pending;
    // The store has started a new window, because the window known here had ended there.
    window.used = state.isFirstInDuration ? used : Math.max(used, window.used);
    window.endsAt = Date.now() + state.msBeforeNext;
  }
}
