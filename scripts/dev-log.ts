import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';

/** What every line carries and nobody reads while developing. */
const HIDDEN_FIELDS = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err', 'correlationId']);

/** Nest names each module and route at its start: dozens of lines, the same each time. */
const HIDDEN_SOURCES = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

type Style = Parameters<typeof styleText>[0];
const LEVEL_STYLES: Record<string, Style> = {
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
  debug: 'dim',
  trace: 'dim',
};

/** Shows the JSON lines of a process in a form for people, and any other line as it is. */
export function showLines(name: string, stream: Readable): void {
  createInterface({ input: stream }).on('line', (line) => {
    const text = readable(line);
    if (text !== undefined) process.stdout.write(`${styleText('dim', name.padEnd(7))} ${text}\n`);
  });
}

function readable(line: string): string | undefined {
  const fields = parse(line);
  if (!fields) return line;
  const level = textOf(fields.level ?? 'info');
  if (level === 'info' && HIDDEN_SOURCES.has(textOf(fields.source ?? ''))) return undefined;
  const parts = [
    styleText('dim', new Date(Number(fields.time)).toTimeString().slice(0, 8)),
    styleText(LEVEL_STYLES[level] ?? 'green', level.padEnd(5)),
    textOf(fields.msg ?? ''),
    styleText('dim', details(fields)),
  ];
  return parts.filter(Boolean).join(' ') + trace(fields.err);
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function details(fields: Record<string, unknown>): string {
  const shown = Object.entries(fields).filter(([name]) => !HIDDEN_FIELDS.has(name));
  const pairs = shown.map(([name, value]) => `${name}=${textOf(value)}`);
  // Enough of the id to tell requests apart; the whole of it is in the answer's header.
  const id = fields.correlationId;
  return (typeof id === 'string' ? [...pairs, `[${id.slice(0, 8)}]`] : pairs).join(' ');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function trace(err: unknown): string {
  if (!err || typeof err !== 'object') return '';
  const { stack, message } = err as { stack?: string; message?: string };
  return `\n${stack ?? message ?? JSON.stringify(err)}`;
}
