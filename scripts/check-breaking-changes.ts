/**
 * Fails when openapi.json or schema.graphql breaks clients of the last release. With --renew, the present documents become
 * the last release.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { breakingGraphqlChanges } from './breaking-changes/graphql.ts';
import { breakingChanges, type OpenApi } from './breaking-changes/openapi.ts';

const ROOT = join(import.meta.dirname, '..');
const RELEASED = join(ROOT, 'docs', 'releases');

const documents = (folder: string) => ({
  openapi: JSON.parse(readFileSync(join(folder, 'openapi.json'), 'utf8')) as OpenApi,
  graphql: readFileSync(join(folder, 'schema.graphql'), 'utf8'),
});

if (process.argv.includes('--renew')) {
  for (const name of ['openapi.json', 'schema.graphql']) copyFileSync(join(ROOT, name), join(RELEASED, name));
} else {
  const [before, after] = [documents(RELEASED), documents(ROOT)];
  const changes = [
    breakingChanges(before.openapi, after.openapi),
    await breakingGraphqlChanges(before.graphql, after.graphql),
  ].flat();
  if (changes.length > 0) {
    console.error(
      `These changes break clients of the last release (docs/releases):\n${changes.join('\n')}\n` +
        'Keep what the release has, mark it as deprecated and add the new version beside it: see "Versions and deprecation" in ' +
        'docs/guides/api.md. Before the first release, run: npm run release-baseline',
    );
    process.exitCode = 1;
  }
}
