import { describe, expect, it } from '@jest/globals';
import { untilAborted } from './job-run.ts';

describe('untilAborted', () => {
  const forever = () => new Promise<never>(() => undefined);

  it('does not wait for work that ignores the signal', async () => {
    const abort = new AbortController();
    const waiting = untilAborted(forever(), abort.signal);

    abort.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
  });

  it('does not wait if the signal is already aborted', async () => {
    await expect(untilAborted(forever(), AbortSignal.abort(new Error('too late')))).rejects.toThrow(
      'too late',
    );
  });
});
