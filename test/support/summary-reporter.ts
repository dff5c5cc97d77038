import { countResults } from './test-run.ts';

interface Results {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
  numPendingTests: number;
  numTodoTests: number;
}

/** Tells bin/test what its last line has to say. */
export default class SummaryReporter {
  onRunComplete(_contexts: unknown, results: Results): void {
    countResults({
      passed: results.numPassedTests,
      // A file that can't even be loaded is one failure, not none.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    });
  }
}
