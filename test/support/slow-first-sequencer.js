import Sequencer from '@jest/test-sequencer';

/**
 * These files take long: they run whole programs, copies of the project or long outages. By default, Jest starts with
 * the largest files. Most of these are small, so the last one would run alone for minutes.
 */
const SLOW = new Set([
  'generators',
  'upgrade',
  'removals',
  'renamed-copy',
  'first-day',
  'migrations',
  'stalled-workers',
  'redis-outages',
  'worker-kills-mid-mail',
]);

const isSlow = ({ path }) => SLOW.has(/([^/]+)\.spec\.ts$/.exec(path)?.[1]);

export default class SlowFirstSequencer extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- a method of Jest
    const sorted = super.sort(tests);
    return [...sorted.filter(isSlow), ...sorted.filter((test) => !isSlow(test))];
  }
}
