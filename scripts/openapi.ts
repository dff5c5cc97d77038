/** Writes openapi.json from the code, or with --check fails when the file differs. Needs a build, but no database. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const FILE = join(import.meta.dirname, '..', 'openapi.json');

process.env.NODE_ENV = 'test';
process.env.DATABASE_URL ??= 'postgres://localhost/unused';
process.env.LOG_LEVEL = 'silent';

const document = await (async () => {
  const path = (name: string) => new URL(`../dist/src/${name}`, import.meta.url).href;
  const [{ AppModule }, { loadConfig }, { describeApp }] = await Promise.all([
    import(path('app.module.js')),
    import(path('platform/config/config.js')),
    import(path('platform/openapi/document.js')),
  ]);
  const config = loadConfig();
  return describeApp(AppModule.with(config));
})().catch((error: Error) => {
  // A route that can't be described is reported in one sentence.
  process.stderr.write(`${error.constructor.name === 'StartupError' ? error.message : error.stack}\n`);
  process.exit(1);
});

const text = await format(JSON.stringify(document), { ...(await resolveConfig(FILE)), parser: 'json' });
if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write(
    'openapi.json is not current: run npm run openapi and npm run client, and commit both.\n',
  );
  process.exit(1);
}
