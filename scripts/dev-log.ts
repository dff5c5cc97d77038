import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { prettyFactory } from 'pino-pretty';

/** Nest logs each module and route at startup: dozens of lines, the same every time. */
const HIDDEN_SOURCES = /^\{"level":"info",.*"source":"(InstanceLoader|RoutesResolver|RouterExplorer)"/;

const prettify = prettyFactory({
  colorize: process.stdout.isTTY,
  translateTime: 'SYS:HH:MM:ss',
  ignore: 'pid,hostname,instance,version,trace_id,span_id',
  singleLine: true,
});

/** Prints the JSON log lines of a process in a readable form, and all other lines unchanged. */
export function showLines(name: string, stream: Readable): void {
  createInterface({ input: stream }).on('line', (line) => {
    if (HIDDEN_SOURCES.test(line)) return;
    const text = line.startsWith('{') ? prettify(line).trimEnd() : line;
    process.stdout.write(`${styleText('dim', name.padEnd(7))} ${text}\n`);
  });
}
