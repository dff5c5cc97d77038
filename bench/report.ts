/** The tables of docs/performance.md, and the comparison with the recorded figures. */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release } from 'node:os';
import { join } from 'node:path';
import type { Figures, Round, WorkRounds } from './rounds.ts';
import type { ServerName } from './servers.ts';

const PAGE = join(import.meta.dirname, '../docs/performance.md');
const RECORDED = join(import.meta.dirname, 'recorded.json');
const apis = ['redis', 'postgres'] as const;
/** A ratio may be worse than the recorded one by this factor, because it differs between CPUs of different makers. */
const TOLERANCE = 1.35;
/** One more statement or command per request is too much. Background tasks add a fraction of one. */
const EXTRA_COUNT = 0.5;
/** Commands that synchronise the rate limits each second. On a slow machine, each request counts more of them. */
const BACKGROUND_PER_SECOND = { statements: 0, redisCommands: 300 };

/** The figures that are compared with the recorded run. They depend little on the machine. */
type Recorded = Record<string, { cpuRatio: number; statements: number; redisCommands: number }>;

/** CPU of the bare server divided by CPU of this server. 1: as fast. 0.5: half of the work per CPU second. */
const cpuRatio = (round: Round, server: ServerName): number => round.bare.cpuMicros / round[server].cpuMicros;

export function httpTable(measured: WorkRounds[]): string {
  const rows = measured.map(({ best, work: { title, aim } }) => {
    const { bare, redis, postgres } = best;
    const of = (figures: Figures) =>
      `${Math.round(figures.cpuMicros)} µs, ${Math.round(figures.perSecond)}/s`;
    const times = (figures: Figures) => `${figures.p50.toFixed(1)} / ${figures.p99.toFixed(1)} ms`;
    const ratios = apis.map((server) => cpuRatio(best, server).toFixed(2));
    return [
      title,
      of(bare),
      of(redis),
      of(postgres),
      ratios.join(' / '),
      aim ?? '–',
      times(redis),
      [bare, redis, postgres].map(({ statements }) => statements.toFixed(1)).join(' / '),
      redis.redisCommands.toFixed(1),
    ];
  });
  const head = [
    'request',
    'bare Fastify + pg',
    'with Redis',
    'PostgreSQL only',
    'ratio of CPU',
    'aim',
    'p50 / p99 with Redis',
    'statements',
    'Redis commands',
  ];
  return table(head, rows);
}

export function table(head: string[], rows: (string | number)[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function machine(): string {
  const memory = `${platform()} ${release()}, ${arch()}, ${cpus().length} × ${cpus()[0]?.model.trim()}`;
  return `Node ${process.versions.node}; ${memory}; ${new Date().toISOString().slice(0, 10)}`;
}

/** Replaces the text between the two comments of this name in docs/performance.md. */
export function writeSection(name: string, text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const section = new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- /${name} -->)`);
  if (!section.test(page)) throw new Error(`docs/performance.md has no section ${name}.`);
  writeFileSync(
    PAGE,
    page.replace(section, (_all, start: string, end: string) => `${start}\n${text}\n${end}`),
  );
}

export function record(measured: WorkRounds[]): void {
  const recorded: Recorded = {};
  for (const { best, work } of measured) {
    for (const server of apis) {
      const { statements, redisCommands } = best[server];
      recorded[`${work.name} ${server}`] = {
        cpuRatio: rounded(cpuRatio(best, server)),
        statements: rounded(statements),
        redisCommands: rounded(redisCommands),
      };
    }
  }
  writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 2)}\n`);
}

/** A sentence for each figure that is worse than the recorded one in every round. */
export function regressions({ best, rounds, work }: WorkRounds): string[] {
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as Recorded;
  return apis.flatMap((server) => {
    const name = `${work.name} ${server}`;
    const before = recorded[name];
    if (!before) return [`${name}: not recorded. Run npm run bench -- --record.`];
    const worse: string[] = [];
    // Compares servers within one round, because both were measured at about the same time.
    const ratio = Math.max(...rounds.map((round) => cpuRatio(round, server)));
    // A recorded ratio above 1 counts as 1: the API hashed fewer passwords at a time, which depends on the machine.
    if (ratio * TOLERANCE < Math.min(before.cpuRatio, 1))
      worse.push(`${name}: ratio of CPU ${ratio.toFixed(2)}, recorded ${before.cpuRatio}`);
    for (const count of ['statements', 'redisCommands'] as const) {
      const value = best[server][count];
      if (value > before[count] + EXTRA_COUNT + BACKGROUND_PER_SECOND[count] / best[server].perSecond)
        worse.push(`${name}: ${value.toFixed(2)} ${count}, recorded ${before[count]}`);
    }
    return worse;
  });
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
