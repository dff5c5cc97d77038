import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';

/** The methods of each route, for 405 responses with Allow. */
@Injectable()
export class RouteMethods {
  private readonly routes: { pattern: RegExp; methods: string[] }[] = [];

  /** Call it before any route is added. */
  collect(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      // A wildcard route is not a resource.
      if (url.includes('*')) return;
      const pattern = new RegExp(
        `^${url.replace(/[.+?^$()[\]{}|\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}$`,
      );
      this.routes.push({ pattern, methods: [method].flat() });
    });
  }

  methodsOf(url: string): string[] {
    const [path = ''] = url.split('?');
    const methods = this.routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
    return [...new Set(methods)].toSorted();
  }
}
