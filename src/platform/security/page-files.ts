import type { FastifyInstance } from 'fastify';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { StartupError } from '../config/config.ts';

/** `npm run build` writes it. This file is in src/platform/security, or in dist/src/platform/security. */
const BUILT = ['../../../pages', '../../../dist/pages'].map((path) => join(import.meta.dirname, path));

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** The path of a file of a page that was built from the folder `page` of its feature. */
export function builtPageFile(page: string, name: string): string {
  const file = BUILT.map((dir) => join(dir, page, name)).find((path) => existsSync(path));
  if (!file) throw new StartupError(`The page ${page} is not built. Run npm run build.`);
  return file;
}

/** Serves a file without a controller, because pages are not part of the API and its OpenAPI document. */
export function servePageFile(fastify: FastifyInstance, path: string, file: string, policy: string): void {
  fastify.get(path, async (_request, reply) =>
    reply
      .header('content-type', TYPES[extname(file)])
      .header('content-security-policy', policy)
      .send(await readFile(file)),
  );
}
