import { describe, expect, it } from '@jest/globals';
import { Worker } from 'bullmq';

describe('BullMQ members that QueueWorker overrides', () => {
  it.each([
    ['moveToActive', 'reports polls, and waits after an error response'],
    ['processJob', 'counts running jobs'],
  ])('has the method %s, which %s', (name) => {
    expect(Worker.prototype).toHaveProperty(name, expect.any(Function));
  });

  it('has the getter maximumBlockTimeout, which limits the wait for a job', () => {
    expect(Object.getOwnPropertyDescriptor(Worker.prototype, 'maximumBlockTimeout')).toHaveProperty('get');
  });
});
