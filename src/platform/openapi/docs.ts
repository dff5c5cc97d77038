import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { readFileSync } from 'node:fs';
import { Config } from '../config/config.ts';
import { builtPageFile, servePageFile } from '../security/page-files.ts';
import { createDocument } from './document.ts';

/** Only files of this origin. The reference sets inline styles. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'font-src data:',
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join(';');

/** The page at /docs, the document at /openapi.json. */
export function serveDocs(app: NestFastifyApplication, config: Config): void {
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  const page = readFileSync(builtPageFile('docs', 'index.html'), 'utf8');
  const hasSeed = config.NODE_ENV === 'development';
  const html = page.replace('data-seeded="no"', `data-seeded="${hasSeed ? 'yes' : 'no'}"`);
  fastify.get('/docs', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(html),
  );
  for (const name of ['page.js', 'page.css', 'scalar.js']) {
    servePageFile(fastify, `/docs/${name}`, builtPageFile('docs', name), POLICY);
  }
  let document: string | undefined;
  // Created for the first request, because the routes are not complete before the start.
  fastify.get('/openapi.json', (_request, reply) => {
    document ??= JSON.stringify(createDocument(app));
    return reply.type('application/json; charset=utf-8').send(document);
  });
}
