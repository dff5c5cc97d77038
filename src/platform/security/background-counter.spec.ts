import { describe, expect, it } from '@jest/globals';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { BackgroundCounter } from './background-counter.ts';

const POINTS = 3;
const SECONDS = 60;

const newStore = () => new RateLimiterMemory({ points: POINTS, duration: SECONDS });

const countTimes = (counter: BackgroundCounter, count: number): boolean[] =>
  Array.from({ length: count }, () => counter.count('caller').isLimited);

describe('a counter that shares its counts in the background', () => {
  it('rejects what is above the limit before the store knows of any request', () => {
    const counter = new BackgroundCounter(newStore());

    expect(countTimes(counter, POINTS + 2)).toEqual([false, false, false, true, true]);
  });

  it('says how many requests are left, and for how long', () => {
    const { state } = new BackgroundCounter(newStore()).count('caller');

    expect(state.remainingPoints).toBe(POINTS - 1);
    expect(state.msBeforeNext).toBe(SECONDS * 1_000);
  });

  it('knows the requests of another instance after both have written', async () => {
    const store = newStore();
    const [one, other] = [new BackgroundCounter(store), new BackgroundCounter(store)];
    countTimes(one, 2);
    countTimes(other, 1);

    await one.flush();
    await other.flush();

    expect(countTimes(other, 1)).toEqual([true]);
  });

  it('writes each request once', async () => {
    const store = newStore();
    const counter = new BackgroundCounter(store);
    countTimes(counter, 2);

    await counter.flush();
    await counter.flush();

    expect((await store.get('caller'))?.consumedPoints).toBe(2);
  });

  it('keeps requests that arrive while it writes', async () => {
    const store = newStore();
    const counter = new BackgroundCounter(store);
    countTimes(counter, 1);

    const flushed = counter.flush();
    countTimes(counter, 1);
    await flushed;

    expect(countTimes(counter, 2)).toEqual([false, true]);
    await counter.flush();
    expect((await store.get('caller'))?.consumedPoints).toBe(POINTS);
  });

  it('does not write rejected requests', async () => {
    const store = newStore();
    const counter = new BackgroundCounter(store);
    countTimes(counter, 100);

    await counter.flush();

    expect((await store.get('caller'))?.consumedPoints).toBe(POINTS);
  });

  it('starts again when the window has ended', () => {
    const counter = new BackgroundCounter(newStore());
    countTimes(counter, POINTS);

    const { isLimited, state } = counter.count('caller', Date.now() + SECONDS * 1_000);

    expect(isLimited).toBe(false);
    expect(state.remainingPoints).toBe(POINTS - 1);
  });

  it('forgets ended windows, and writes none of them', async () => {
    const store = newStore();
    const counter = new BackgroundCounter(store);
    counter.count('caller', Date.now() - SECONDS * 1_000);

    counter.sweep();
    await counter.flush();

    expect(await store.get('caller')).toBeNull();
  });
});
