import { countResults } from './test-run.ts';

interface Results {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
  numPendingTests: number;
  numTodoTests: number;
}

/** Writes the totals for the last line of bin/test. */
export default class SummaryReporter {
  onRunComplete(_contexts: unknown, results: Results): void {
    countResults({
      passed: results.numPassedTests,
      // Count a file that fails to load as one failure.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    });
  }
}
