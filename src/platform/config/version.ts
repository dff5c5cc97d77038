import { readFileSync } from 'node:fs';

// The same number of folders up from src/ and from dist/src/ would differ, so the nearest package.json is looked for.
const file = [
  new URL('../../../package.json', import.meta.url),
  new URL('../../../../package.json', import.meta.url),
]
  .map((url) => {
    try {
      return readFileSync(url, 'utf8');
    } catch {
      return undefined;
    }
  })
  .find((text) => text !== undefined);

/** As package.json says. */
export const { version } = JSON.parse(file ?? '{"version":"unknown"}') as { version: string };
