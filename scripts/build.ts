/** npm run build: compiles src/ and migrations/ into dist/, and bundles the pages for browsers into dist/pages. */
import { build } from 'esbuild';
import { fastify } from 'fastify';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

process.chdir(dirname(import.meta.dirname));

/** Each build has its own folder, because several may run at the same time. */
const COMPILED = `dist/.compiled-${process.pid}`;
const TARGET = 'dist/pages';
/** Each folder has one script, and the files that are served unchanged. */
const PAGES = {
  docs: 'src/platform/openapi/page',
  'reference-client': 'src/reference-client/page',
};
const SCALAR = join(TARGET, 'docs/scalar.js');

/** The package contains the script as a text that only its plugin serves. */
async function scalarScript(): Promise<string> {
  const { default: plugin } = await import('@scalar/fastify-api-reference');
  const server = fastify();
  await server.register(plugin, { routePrefix: '/docs', configuration: { url: '/openapi.json' } });
  const { statusCode, body } = await server.inject('/docs/js/scalar.js');
  if (statusCode !== 200) throw new Error(`@scalar/fastify-api-reference has no script: ${statusCode}`);
  return body;
}

function compile(): boolean {
  const options = ['--extensions', '.ts', '--copy-files', '--quiet', '--ignore', '**/*.spec.ts,**/page/**'];
  const args = ['node_modules/.bin/swc', 'src', 'migrations', '--out-dir', COMPILED, ...options];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0;
}

/**
 * Replaces each changed file atomically. bin/dev may start a program from dist/ while another command builds, and must
 * not read a half-written file.
 */
function replaceChanged(): void {
  const entries = readdirSync(COMPILED, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const target = join('dist', relative(COMPILED, file));
    if (file.endsWith('.map')) moveSources(file);
    if (existsSync(target) && readFileSync(target).equals(readFileSync(file))) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(file, target);
  }
}

/** The path of the source is relative to the source map, which moves up one folder. */
function moveSources(map: string): void {
  writeFileSync(map, readFileSync(map, 'utf8').replace('"sources":["../', '"sources":["'));
}

const isCompiled = compile();
if (isCompiled) replaceChanged();
rmSync(COMPILED, { recursive: true, force: true });
// The compiler has printed the error.
if (!isCompiled) process.exit(1);

// The compiler keeps the files of earlier builds, and every migration in the folder is applied.
for (const compiled of globSync('dist/migrations/*.js')) {
  const source = join('migrations', basename(compiled).replace(/\.js$/, '.ts'));
  if (!existsSync(source)) rmSync(compiled);
}
for (const [name, folder] of Object.entries(PAGES)) {
  mkdirSync(join(TARGET, name), { recursive: true });
  for (const file of globSync(`${folder}/*.{html,css}`))
    copyFileSync(file, join(TARGET, name, basename(file)));
}
await build({
  entryPoints: Object.entries(PAGES).map(([name, folder]) => ({
    in: `${folder}/page.ts`,
    out: `${name}/page`,
  })),
  bundle: true,
  format: 'esm',
  target: 'es2023',
  outdir: TARGET,
  // The compiler options are for the type check only, and the image is built without them.
  tsconfigRaw: {},
  logLevel: 'warning',
});
writeFileSync(SCALAR, await scalarScript());
