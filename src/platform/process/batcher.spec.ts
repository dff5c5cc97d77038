import { describe, expect, it } from '@jest/globals';
import { Batcher } from './batcher.ts';

describe('Batcher', () => {
  /** Records the batches, and finishes each one when the test says so. */
  function recorded() {
    const batches: number[][] = [];
    const finish: (() => void)[] = [];
    const work = async (items: number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => finish.push(resolve));
      return items.map((item) => item * 10);
    };
    return { batches, finish, work };
  }

  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

  it('runs calls of one turn as one batch, and gives each its result', async () => {
    const { batches, finish, work } = recorded();
    const batcher = new Batcher(work, 100);

    const results = Promise.all([1, 2, 3].map((item) => batcher.call(item)));
    await nextTurn();
    finish[0]!();

    expect(await results).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('collects calls while four batches run', async () => {
    const { batches, finish, work } = recorded();
    const batcher = new Batcher(work, 100);

    const results: Promise<number>[] = [];
    for (const item of [1, 2, 3, 4, 5, 6]) {
      results.push(batcher.call(item));
      await nextTurn();
    }
    expect(batches).toEqual([[1], [2], [3], [4]]);
    finish[0]!();
    while (batches.length < 5) await nextTurn();
    for (const end of finish.slice(1)) end();

    expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(batches).toEqual([[1], [2], [3], [4], [5, 6]]);
  });

  it('gives no batch more items than its limit', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher(async (items: number[]) => {
      batches.push(items);
      return items;
    }, 2);

    await Promise.all([1, 2, 3].map((item) => batcher.call(item)));

    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('tries each item alone after an error', async () => {
    const batcher = new Batcher(async (items: number[]) => {
      if (items.includes(2)) throw new Error('invalid');
      return items;
    }, 100);

    const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.call(item)));

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
