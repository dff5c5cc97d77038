import { countResults } from './test-run.ts';

interface Results {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { failureMessage?: string | null; numFailingTests: number }[];
  numPendingTests: number;
  numTodoTests: number;
}

/** Writes the totals for the last line of bin/test. */
export default class SummaryReporter {
  onRunComplete(_contexts: unknown, results: Results): void {
    countResults({
      passed: results.numPassedTests,
      failed: results.numFailedTests + countOtherFailures(results),
      skipped: results.numPendingTests + results.numTodoTests,
    });
  }
}

/** Files that failed outside of their tests: while loading, or in afterAll. */
function countOtherFailures({ testResults }: Results): number {
  return testResults.filter((file) => file.failureMessage && file.numFailingTests === 0).length;
}
