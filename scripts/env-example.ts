/** Writes .env.example from the schema of the settings, or with --check fails when the file differs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsSchema } from '../src/platform/config/settings.ts';

const FILE = new URL('../.env.example', import.meta.url);
const WIDTH = 110;

const HEAD = `# All settings with their defaults. Generated from src/platform/config/settings.ts by: npm run env-example
# bin/dev and docker compose need no .env file. To change a setting there, copy this file to .env.
`;

/** Wraps the text to comment lines of at most WIDTH characters. */
function wrapComment(text: string): string {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length + 1 > WIDTH) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join('\n');
}

const entries = Object.entries(settingsSchema.shape).map(([name, schema]) => {
  const result = schema.safeParse(undefined);
  const value = result.success && result.data !== undefined ? String(result.data) : '';
  // Without quotes, because docker --env-file keeps them. Commented out, so that a copy of the file changes nothing.
  return `${wrapComment(schema.description ?? '')}\n#${name}=${value}\n`;
});

const text = `${HEAD}\n${entries.join('\n')}`;
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('.env.example is not current: run npm run env-example and commit it.\n');
  process.exit(1);
}
