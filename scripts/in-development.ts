/** Runs a program of dist/src with the settings and the database of bin/dev: node scripts/in-development.ts migrate undo */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { build, inDevelopment } from './dev-environment.ts';

const [, , program = '', ...args] = process.argv;

await inDevelopment(async () => {
  build();
  const file = `dist/src/${program}.js`;
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], { stdio: 'inherit' });
  // Ctrl-C also reaches the child, which handles it.
  process.on('SIGINT', () => undefined);
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
});
