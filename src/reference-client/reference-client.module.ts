import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Config } from '../platform/config/config.ts';

const DIR = join(import.meta.dirname, 'static');
const PATH = '/reference-client/';
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};
/** Only files of this origin, no inline code, and no HTML from strings. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
].join(';');

/** The paths of links in mails, for an API without another frontend. */
const MAILED_LINKS = ['/verify-email', '/reset-password', '/confirm-email-change'];

/**
 * A browser client that shows how a frontend signs in. `static/api.js` is the part to copy. It uses only the public API. Off
 * in production, unless REFERENCE_CLIENT is set.
 */
@Module({})
export class ReferenceClientModule implements OnModuleInit {
  constructor(
    private readonly config: Config,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  onModuleInit(): void {
    if (!this.config.REFERENCE_CLIENT) return;
    for (const name of readdirSync(DIR)) this.serve(`${PATH}${name}`, name);
    this.serve(PATH, 'index.html');
    if (this.config.FRONTEND_URL === this.config.PUBLIC_URL) {
      for (const path of MAILED_LINKS) this.serve(path, 'index.html');
    }
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    fastify.get(PATH.slice(0, -1), (_request, reply) => reply.redirect(PATH));
  }

  /** Registers routes without a controller, because the client is not part of the API and its OpenAPI document. */
  private serve(path: string, name: string): void {
    const content = readFileSync(join(DIR, name));
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    fastify.get(path, (_request, reply) =>
      reply
        .header('content-type', TYPES[extname(name)])
        .header('content-security-policy', POLICY)
        .send(content),
    );
  }
}
