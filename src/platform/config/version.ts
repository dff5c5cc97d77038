import { readFileSync } from 'node:fs';

// package.json is three folders up from src/platform/config, and four from dist/src/platform/config.
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

/** The version in package.json. */
export const { version } = JSON.parse(file ?? '{"version":"unknown"}') as { version: string };
