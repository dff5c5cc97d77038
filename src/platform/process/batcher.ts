interface Call<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** Batches that run at the same time, so that a slow one doesn’t hold up all calls. */
const RUNNING_MAX = 4;

/**
 * Groups calls that are made at about the same time: `work` gets their items in one call, and returns their results in
 * the same order. New calls collect while batches run. So batches grow with the load, and a call without load does not
 * wait. After an error each item is tried alone, so that one item can't fail the others.
 */
export class Batcher<Item, Result> {
  private waiting: Call<Item, Result>[] = [];
  private running = 0;
  private isScheduled = false;

  constructor(
    private readonly work: (items: Item[]) => Promise<Result[]>,
    private readonly itemsMax: number,
  ) {}

  call(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled || this.running >= RUNNING_MAX || this.waiting.length === 0) return;
    this.isScheduled = true;
    // After the other callbacks of this turn of the event loop, which may call too.
    setImmediate(() => {
      this.isScheduled = false;
      void this.runBatch(this.waiting.splice(0, this.itemsMax));
      this.schedule();
    });
  }

  private async runBatch(calls: Call<Item, Result>[]): Promise<void> {
    this.running += 1;
    try {
      await this.run(calls);
    } finally {
      this.running -= 1;
      this.schedule();
    }
  }

  private async run(calls: Call<Item, Result>[]): Promise<void> {
    try {
      const results = await this.work(calls.map(({ item }) => item));
      calls.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      if (calls.length === 1) calls[0]!.reject(error);
      else await Promise.all(calls.map((call) => this.run([call])));
    }
  }
}
