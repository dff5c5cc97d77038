import type { FastifyInstance } from 'fastify';
import { StartupError } from '../config/config.ts';

export interface Deprecation {
  /** The day from which clients should stop using the route: `2026-12-01`. May be in the future. */
  since: string;
  /** The day from which the route may be gone. */
  sunset?: string;
  /** Path of the route that replaces it, with the same parameters: `/v2/jobs/{id}`. */
  successor?: string;
  /** URL of a page that tells clients how to change. */
  link?: string;
}

interface DeprecationConfig {
  deprecation?: { headers: Record<string, string>; links: string[] };
}

/** The route configuration that makes `addDeprecationHeaders` send the headers (RFC 9745, RFC 8594, RFC 8288). */
export function deprecationConfig({ since, sunset, successor, link }: Deprecation): DeprecationConfig {
  if (sunset && timeOf(sunset) < timeOf(since))
    throw new StartupError(`The sunset ${sunset} is before the deprecation ${since}.`);
  const headers = {
    deprecation: `@${timeOf(since) / 1_000}`,
    ...(sunset && { sunset: new Date(timeOf(sunset)).toUTCString() }),
  };
  const links = [
    ...(successor ? [`<${successor}>; rel="successor-version"`] : []),
    ...(link ? [`<${link}>; rel="deprecation"; type="text/html"`] : []),
  ];
  return { deprecation: { headers, links } };
}

function timeOf(day: string): number {
  const time = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(time)) throw new StartupError(`A deprecation needs days like 2026-12-01, not ${day}.`);
  return time;
}

/** Adds the headers to all responses of a deprecated route, also to errors. */
export function addDeprecationHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', ({ routeOptions, params }, reply, done) => {
    const { deprecation } = routeOptions.config as DeprecationConfig;
    if (deprecation) void reply.headers(deprecation.headers);
    if (deprecation?.links.length) {
      const link = deprecation.links.join(', ');
      void reply.header('link', fillIn(link, params as Record<string, string>));
    }
    done();
  });
}

/** `/v2/jobs/{id}` with the id of the request. */
const fillIn = (link: string, params: Record<string, string>): string =>
  link.replace(/\{(\w+)\}/g, (whole, name: string) => encodeURIComponent(params[name] ?? whole));
