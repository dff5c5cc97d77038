/**
 * Passes values from a producer to one consumer, one at a time: the producer waits until the consumer asks for more, so
 * values for a slow client don't fill the memory.
 */
export class PullQueue<T> implements AsyncIterableIterator<T> {
  private readonly closing = new AbortController();
  private offered?: { value: T; taken: () => void };
  private waiting?: (result: IteratorResult<T>) => void;

  /** Aborts when the consumer has stopped. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  /** Resolves when the consumer has taken the value, or has stopped. */
  async send(value: T): Promise<void> {
    if (this.signal.aborted) return;
    if (this.waiting) {
      this.waiting({ value, done: false });
      delete this.waiting;
      return;
    }
    await new Promise<void>((taken) => {
      this.offered = { value, taken };
    });
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.signal.aborted) return { value: undefined, done: true };
    if (!this.offered) return new Promise((resolve) => (this.waiting = resolve));
    const { value, taken } = this.offered;
    delete this.offered;
    taken();
    return { value, done: false };
  }

  async return(): Promise<IteratorResult<T>> {
    this.closing.abort();
    this.waiting?.({ value: undefined, done: true });
    this.offered?.taken();
    return { value: undefined, done: true };
  }

  async throw(): Promise<IteratorResult<T>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
