import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { format, resolveConfig } from 'prettier';
import type { Outcome } from '../test/faults/outcomes.ts';

export const REPORT = 'docs/reliability.md';
const BEGIN = '<!-- Written by bin/test --faults --report: do not edit by hand. -->';
const END = '<!-- End of the generated part. -->';
const HEADER =
  '| fault | promise | counted | lost | doubled | measured |\n| --- | --- | --- | --- | --- | --- |';

export function readOutcomes(lines: string[]): Outcome[] {
  const outcomes = lines.map((line) => JSON.parse(line) as Outcome);
  // Several files run at a time, so their order changes from run to run.
  return outcomes.toSorted((a, b) => a.area.localeCompare(b.area) || nameOf(a).localeCompare(nameOf(b)));
}

/** Faults in the report that did not run, and faults that ran but are not in the report. */
export function differingFaults(outcomes: Outcome[]): string[] {
  const cells: string[] = readFileSync(REPORT, 'utf8').match(/^\| (?!fault|---).*?(?= +\|)/gm) ?? [];
  const listed = cells.map((cell) => cell.slice(2));
  const run = outcomes.map(nameOf);
  return [...listed.filter((name) => !run.includes(name)), ...run.filter((name) => !listed.includes(name))];
}

/** Replaces the generated part of the report. The text around it is written by hand. */
export async function writeReport(outcomes: Outcome[], seconds: number): Promise<void> {
  const [before, rest] = readFileSync(REPORT, 'utf8').split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${REPORT} has no marks for the generated part`);
  const text = [before + BEGIN, machine(seconds), ...tables(outcomes), END + after].join('\n\n');
  writeFileSync(REPORT, await format(text, { ...(await resolveConfig(REPORT)), parser: 'markdown' }));
}

function tables(outcomes: Outcome[]): string[] {
  const areas = Map.groupBy(outcomes, ({ area }) => area);
  return [...areas].map(([area, found]) => `### ${area}\n\n${HEADER}\n${found.map(row).join('\n')}`);
}

function row(outcome: Outcome): string {
  const { promise, operations, lost, doubled, measured } = outcome;
  return `| ${[nameOf(outcome), promise, operations, lost, doubled, measured].join(' | ')} |`;
}

const nameOf = ({ fault, backend }: Outcome): string => (backend ? `${fault} (queue on ${backend})` : fault);

function machine(seconds: number): string {
  const version = (command: string) => {
    try {
      return execFileSync(command, ['--version'], { encoding: 'utf8' }).match(/\d+(\.\d+)+/)?.[0];
    } catch {
      return undefined;
    }
  };
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  const parts = [
    `Node.js ${process.versions.node}`,
    `Redis ${version('redis-server') ?? 'absent'}`,
    'PostgreSQL 18 (the embedded one)',
  ];
  return (
    `Measured on ${date} by \`bin/test --faults --report\` in ${Math.round(seconds)} s on ${availableParallelism()} cores ` +
    `(${cpus()[0]?.model.trim() ?? 'unknown'}), ${gibibytes} GiB, ${process.platform}: ${parts.join(', ')}.`
  );
}
