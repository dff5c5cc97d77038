import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { coverageGaps } from '../test/support/contract-coverage.ts';
import { removeDeadRuns } from '../test/support/test-run.ts';
import { removePostgresSettings } from './processes.ts';
import { readOutcomes, REPORT, differingFaults, writeReport } from './reliability-report.ts';

/** Stops a run that hangs. A run takes 50 minutes on two cores, and an hour on a busy machine. */
const TIME_LIMIT_MINUTES = 72;
const FAULTS_TIME_LIMIT_MINUTES = 30;
const TOPOLOGY_TIME_LIMIT_MINUTES = 15;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

process.chdir(dirname(import.meta.dirname));
// The tests start their own PostgreSQL.
if (!process.env.DATABASE_URL) removePostgresSettings(process.env);
/** The default files of a topology: its own tests, and tests that use the database in many ways. */
const TOPOLOGIES: Record<string, string[]> = {
  cluster: [
    'e2e/(redis-cluster|auth-refresh|rate-limits|rate-limits-instances|idempotency|notifications-stream).spec',
    'e2e/(jobs|jobs-keys|jobs-leases|jobs-queues|jobs-redrive|jobs-runs|jobs-sweep|schedules|mail|dashboard-queues).spec',
  ],
  'postgres-16': [
    'topologies/postgres-16',
    'e2e/(auth-login|auth-refresh|auth-register|users-me|users-list|users-search|pagination|idempotency|insert-if-absent).spec',
    'e2e/(jobs|jobs-keys|jobs-sweep|schedules-api|migrations|database-guide|database-roles|query-plans|policies).spec',
  ],
  'previous-release': ['topologies/previous-release'],
  replica: ['e2e/read-replica.spec'],
  pooler: [
    'topologies/pooler',
    'e2e/(auth-login|auth-refresh|auth-register|users-me|users-list|idempotency|jobs-keys|policies|schedules-api).spec',
  ],
};
const jestArguments = process.argv.slice(2);
const runsFaults = takeOption('--faults') !== undefined;
/** Writes the measured results to docs/reliability.md. */
const writesReport = takeOption('--report') !== undefined;
const topology = takeOption('--topology', 1) ?? '';
if (topology && !(topology in TOPOLOGIES))
  throw new Error(`--topology needs one of: ${Object.keys(TOPOLOGIES).join(', ')}`);
const isWholeRun = jestArguments.length === 0 && !topology;
function timeLimitMinutes(): number {
  if (topology) return TOPOLOGY_TIME_LIMIT_MINUTES;
  return runsFaults ? FAULTS_TIME_LIMIT_MINUTES : TIME_LIMIT_MINUTES;
}

const minutes = timeLimitMinutes();
const dir = mkdtempSync(join(tmpdir(), 'test-summary-'));
const summaryFile = join(dir, 'counts');
const outcomesFile = join(dir, 'outcomes');
const responsesFile = join(dir, 'responses');

/** Removes an option of this program, because Jest gets the other arguments. Returns its value, if it has one. */
function takeOption(name: string, values = 0): string | undefined {
  const index = jestArguments.indexOf(name);
  if (index === -1) return undefined;
  const [, value = ''] = jestArguments.splice(index, 1 + values);
  return value;
}

function startJest(): ChildProcess {
  const coverage = isWholeRun && !runsFaults ? ['--coverage'] : [];
  // Tests that run at the same time would distort each other's measurements.
  const order = writesReport ? ['--runInBand'] : [];
  const selection = jestArguments.length > 0 ? jestArguments : (TOPOLOGIES[topology] ?? []);
  const options = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
  return spawn(process.execPath, ['node_modules/jest/bin/jest.js', ...coverage, ...order, ...selection], {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_ENV: 'test',
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${options}`.trim(),
      TEST_SUMMARY_FILE: summaryFile,
      TEST_OUTCOMES_FILE: outcomesFile,
      TEST_RESPONSES_FILE: responsesFile,
      TEST_FAULTS: runsFaults ? '1' : '',
      TEST_TOPOLOGY: topology,
    },
  });
}

/** Resolves to Jest's exit code, or to 1 if Jest was killed. */
async function untilEnded(jest: ChildProcess): Promise<number> {
  const timers: NodeJS.Timeout[] = [];
  timers.push(
    setTimeout(() => {
      console.error(`The tests took longer than ${minutes} minutes and were stopped: something hangs.`);
      jest.kill('SIGTERM');
      timers.push(setTimeout(() => jest.kill('SIGKILL'), 15_000));
    }, minutes * 60_000),
  );
  // Ctrl-C also reaches Jest directly. A SIGTERM to this process does not.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => jest.kill('SIGTERM'));
  const code = await new Promise<number | null>((resolve) => jest.once('exit', resolve));
  timers.forEach(clearTimeout);
  return code ?? 1;
}

/** One line per Jest run or failed clean-up: passed, failed, skipped. */
function readCounts(): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const line of readLines(summaryFile)) {
    const [passed = 0, failed = 0, skipped = 0] = line.split(' ').map(Number);
    counts.passed += passed;
    counts.failed += failed;
    counts.skipped += skipped;
  }
  return counts;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Whether docs/reliability.md lists exactly the faults that ran. */
async function reportFaults(seconds: number): Promise<boolean> {
  const outcomes = readOutcomes(readLines(outcomesFile));
  if (writesReport) await writeReport(outcomes, seconds);
  const differing = differingFaults(outcomes);
  if (differing.length === 0) return true;
  console.error(
    [`${REPORT} does not match this run: run bin/test --faults --report. Differences:`, ...differing].join(
      '\n',
    ),
  );
  return false;
}

/** Whether the tests saw every response that openapi.json documents. */
function hasSeenEveryResponse(): boolean {
  const gaps = coverageGaps(readLines(responsesFile));
  if (gaps.length > 0) console.error(['Responses of openapi.json and the tests differ:', ...gaps].join('\n'));
  return gaps.length === 0;
}

const startedAt = Date.now();
let code = await untilEnded(startJest());
const { passed, failed, skipped } = readCounts();
const isComplete = isWholeRun && failed === 0 && skipped === 0 && code === 0;
if (isComplete && !runsFaults && !hasSeenEveryResponse()) code = 1;
if (isComplete && runsFaults && !(await reportFaults((Date.now() - startedAt) / 1_000))) code = 1;
rmSync(dir, { recursive: true });
await removeDeadRuns();
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exitCode = code || (failed > 0 || passed === 0 ? 1 : 0);
