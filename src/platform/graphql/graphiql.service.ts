import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Config } from '../config/config.ts';
import { servePageFile } from '../security/page-files.ts';

const PATH = '/graphiql';
const STATIC = join(import.meta.dirname, 'static');

/** Files of development dependencies: production doesn't install them. */
const PACKAGE_FILES = {
  'react.js': ['react', 'umd/react.production.min.js'],
  'react-dom.js': ['react-dom', 'umd/react-dom.production.min.js'],
  'graphiql.js': ['graphiql', 'graphiql.min.js'],
  'graphiql.css': ['graphiql', 'graphiql.min.css'],
} as const;

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
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    try {
      const require = createRequire(import.meta.url);
      const files = Object.entries(PACKAGE_FILES).map(
        ([name, [module, file]]) =>
          [name, join(dirname(require.resolve(`${module}/package.json`)), file)] as const,
      );
      for (const [name, file] of files) servePageFile(fastify, `${PATH}/${name}`, file, POLICY);
    } catch {
      this.logger.warn('GraphiQL is not installed: /graphiql is off');
      return;
    }
    for (const name of ['page.js', 'page.css'])
      servePageFile(fastify, `${PATH}/${name}`, join(STATIC, name), POLICY);
    servePageFile(fastify, PATH, join(STATIC, 'graphiql.html'), POLICY);
  }
}
