import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 25;

/** Waits until the condition returns a truthy value. Throws on a timeout. */
export async function until<T>(
  condition: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  what: string,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`Timed out waiting for ${what}`);
    await pause(PAUSE_MS);
  }
}

/** [make(0), make(1), …] */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
