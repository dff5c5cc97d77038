/** The second half of npm run build: removes migrations without a source, and bundles the pages for browsers into dist/pages. */
import { build } from 'esbuild';
import { fastify } from 'fastify';
import { copyFileSync, existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

process.chdir(dirname(import.meta.dirname));

const TARGET = 'dist/pages';
/** Each folder has one script, and the files that are served unchanged. */
const PAGES = {
  docs: 'src/platform/openapi/page',
  'reference-client': 'src/reference-client/page',
};
const SCALAR = join(TARGET, 'docs/scalar.js');

/** The package contains the script as a text, and gives it out only through its plugin. */
async function scalarScript(): Promise<string> {
  const { default: plugin } = await import('@scalar/fastify-api-reference');
  const server = fastify();
  await server.register(plugin, { routePrefix: '/docs', configuration: { url: '/openapi.json' } });
  const { statusCode, body } = await server.inject('/docs/js/scalar.js');
  if (statusCode !== 200) throw new Error(`@scalar/fastify-api-reference has no script: ${statusCode}`);
  return body;
}

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
