import { appendFileSync } from 'node:fs';

/** One row of the table in docs/reliability.md. */
export interface Outcome {
  /** The component that fails: a heading of the table. */
  area: 'Workers' | 'Redis' | 'Postgres' | 'Webhooks out' | 'Webhooks in' | 'API' | 'Mail';
  /** The fault, for readers: "kill −9 of the worker in the middle of a job, 20 times". */
  fault: string;
  /** The queue backend, if it makes a difference. */
  backend?: string | undefined;
  /** What the suite asserts: "finished ≤ 60 s, effect once". */
  promise: string;
  /** The number of checked effects: "20 jobs", "9,900 lines". */
  operations: string;
  lost: number;
  doubled: number;
  /** Other measurements, times in seconds: "resumed after 3.1 s". */
  measured: string;
}

/** Call it after the assertions of a fault test. `bin/test --faults --report` builds the table from the rows. */
export function recordOutcome(outcome: Outcome): void {
  const file = process.env.TEST_OUTCOMES_FILE;
  if (file) appendFileSync(file, `${JSON.stringify(outcome)}\n`);
}

/** 3142 → "3.1 s" */
export const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
