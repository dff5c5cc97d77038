import { appendFileSync } from 'node:fs';

/** One line of the table in docs/reliability.md, with what was measured. */
export interface Outcome {
  /** What the fault strikes: a heading of the table. */
  area: 'Workers' | 'Redis' | 'Postgres' | 'Webhooks out' | 'Webhooks in' | 'API' | 'Mail';
  /** What was done, in words of a reader: "kill −9 of the worker in the middle of a job, 20 times". */
  fault: string;
  /** Which backend of the queue, where it makes a difference. */
  backend?: string | undefined;
  /** What the suite asserts: "finished ≤ 60 s, effect once". */
  promise: string;
  /** Of what the ledger counts: "20 jobs", "9,900 lines". */
  operations: string;
  lost: number;
  doubled: number;
  /** What else was measured: "resumed after 3.1 s"; times in seconds. */
  measured: string;
}

/** Called at the end of a fault test, after its assertions; `bin/test --faults --report` makes the table of it. */
export function recordOutcome(outcome: Outcome): void {
  const file = process.env.TEST_OUTCOMES_FILE;
  if (file) appendFileSync(file, `${JSON.stringify(outcome)}\n`);
}

/** 3142 → "3.1 s" */
export const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
