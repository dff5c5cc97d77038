/** The tables of docs/performance.md, and the comparison with the recorded figures. */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, release } from 'node:os';
import { join } from 'node:path';
import type { Work } from './load.ts';
import type { ServerName } from './servers.ts';

const PAGE = join(import.meta.dirname, '../docs/performance.md');
const RECORDED = join(import.meta.dirname, 'recorded.json');
/** A figure may be worse than the recorded one by this factor. */
const TOLERANCE = 1.2;

/** Of one server and one work, the best of all rounds, because other programs can only make a round worse. */
export interface Figures {
  cpuMicros: number;
  perSecond: number;
  p50: number;
  p99: number;
  statements: number;
  redisCommands: number;
}

export type Results = Record<string, Record<ServerName, Figures>>;

/** What is compared with the recorded run: figures that depend little on the machine. */
type Recorded = Record<string, { cpuRatio: number; statements: number; redisCommands: number }>;

/** CPU of the bare server by CPU of the other: 1 is as fast, 0.5 is half of the work per CPU second. */
const cpuRatio = (figures: Record<ServerName, Figures>, server: ServerName): number =>
  figures.bare.cpuMicros / figures[server].cpuMicros;

export function httpTable(works: Work[], results: Results): string {
  const rows = works.map(({ name, title, aim }) => {
    const { bare, redis, postgres } = results[name]!;
    const of = (figures: Figures) =>
      `${Math.round(figures.cpuMicros)} µs, ${Math.round(figures.perSecond)}/s`;
    const times = (figures: Figures) => `${figures.p50.toFixed(1)} / ${figures.p99.toFixed(1)} ms`;
    const ratios = (['redis', 'postgres'] as const).map((server) =>
      cpuRatio(results[name]!, server).toFixed(2),
    );
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

export function record(results: Results): void {
  const recorded: Recorded = {};
  for (const [work, figures] of Object.entries(results)) {
    for (const server of ['redis', 'postgres'] as const) {
      const { statements, redisCommands } = figures[server];
      recorded[`${work} ${server}`] = {
        cpuRatio: rounded(cpuRatio(figures, server)),
        statements: rounded(statements),
        redisCommands: rounded(redisCommands),
      };
    }
  }
  writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 2)}\n`);
}

/** A sentence for each figure that is worse than the recorded one. */
export function regressions(results: Results): string[] {
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as Recorded;
  return Object.entries(results).flatMap(([work, figures]) =>
    (['redis', 'postgres'] as const).flatMap((server) => {
      const name = `${work} ${server}`;
      const before = recorded[name];
      if (!before) return [`${name}: not recorded. Run npm run bench -- --record.`];
      const now = figures[server];
      const ratio = cpuRatio(figures, server);
      const worse: string[] = [];
      if (ratio * TOLERANCE < before.cpuRatio)
        worse.push(`${name}: ratio of CPU ${ratio.toFixed(2)}, recorded ${before.cpuRatio}`);
      for (const count of ['statements', 'redisCommands'] as const) {
        // Tasks in the background add a little.
        if (now[count] > before[count] * TOLERANCE + 0.1)
          worse.push(`${name}: ${now[count].toFixed(1)} ${count}, recorded ${before[count]}`);
      }
      return worse;
    }),
  );
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
