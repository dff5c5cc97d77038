import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { Config } from '../config/config.ts';

const PATH = '/graphiql';
const STATIC = join(import.meta.dirname, 'static');

/** Files of development dependencies: production doesn't install them. */
const PACKAGE_FILES = {
  'react.js': ['react', 'umd/react.production.min.js'],
  'react-dom.js': ['react-dom', 'umd/react-dom.production.min.js'],
  'graphiql.js': ['graphiql', 'graphiql.min.js'],
  'graphiql.css': ['graphiql', 'graphiql.min.css'],
} as const;

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** Loads nothing from other hosts. The editor writes inline styles. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  'font-src data:',
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join(';');

/** GraphiQL at /graphiql, in development only. */
@Injectable()
export class GraphiqlPage implements OnModuleInit {
  private readonly logger = new Logger('GraphiqlPage');

  constructor(
    private readonly config: Config,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  onModuleInit(): void {
    if (this.config.NODE_ENV !== 'development' || !this.config.API_DOCS) return;
    try {
      const require = createRequire(import.meta.url);
      const files = Object.entries(PACKAGE_FILES).map(
        ([name, [module, file]]) =>
          [name, join(dirname(require.resolve(`${module}/package.json`)), file)] as const,
      );
      for (const [name, file] of files) this.serve(`${PATH}/${name}`, file);
    } catch {
      this.logger.warn('GraphiQL is not installed: /graphiql is off');
      return;
    }
    for (const name of ['page.js', 'page.css']) this.serve(`${PATH}/${name}`, join(STATIC, name));
    this.serve(PATH, join(STATIC, 'graphiql.html'));
  }

  /** Without a controller, because the page is not part of the API. */
  private serve(path: string, file: string): void {
    const content = readFileSync(file);
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    fastify.get(path, (_request, reply) =>
      reply
        .header('content-type', TYPES[extname(file)])
        .header('content-security-policy', POLICY)
        .send(content),
    );
  }
}
