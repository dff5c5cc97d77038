import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { createDocument } from './document.ts';

/** Swagger UI needs its own scripts and inline styles. */
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join(';');

/** Swagger UI at /docs, the document at /openapi.json. */
export function serveDocs(app: NestFastifyApplication): void {
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (request.routeOptions.url?.startsWith('/docs')) {
      reply.raw.setHeader('content-security-policy', DOCS_POLICY);
      // Swagger UI sets no character set.
      if (reply.getHeader('content-type') === 'text/html') void reply.type('text/html; charset=utf-8');
    }
    done(null, payload);
  });
  SwaggerModule.setup('docs', app, () => createDocument(app), { jsonDocumentUrl: 'openapi.json' });
}
