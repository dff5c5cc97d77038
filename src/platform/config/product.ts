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

interface Product {
  name: string;
  /** The name that users see in emails and in the title of the API. */
  title: string;
  version: string;
}

/** From package.json, the only place with the name. `bin/rename` changes it. */
export const product = JSON.parse(
  file ?? '{"name":"unknown","title":"unknown","version":"unknown"}',
) as Product;
