import { METHOD_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { MetadataScanner } from '@nestjs/core';
import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { accessOf } from '../security/access.decorators.ts';
import { ENDPOINT, type EndpointOptions, UNVALIDATED_BODY } from './endpoint.decorator.ts';

export type Controller = (new (...args: never[]) => unknown) & { prototype: Record<string, object> };

interface Argument {
  /** The name in `@Param('id')`. */
  data?: string;
  schema?: object;
}

/** The parameters that contain input of the client. */
const TAKES_INPUT: Record<number, string> = {
  [RouteParamtypes.BODY]: 'Body',
  [RouteParamtypes.RAW_BODY]: 'RawBody',
  [RouteParamtypes.QUERY]: 'Query',
  [RouteParamtypes.PARAM]: 'Param',
  [RouteParamtypes.HEADERS]: 'Headers',
};

const SOURCES = join(import.meta.dirname, '../..');

/** The names of the methods that handle routes. */
export const handlersOf = (controller: Controller): string[] =>
  new MetadataScanner()
    .getAllMethodNames(controller.prototype)
    .filter((method) => Reflect.hasMetadata(METHOD_METADATA, controller.prototype[method]!));

/** The faults that make a route handler unsafe, one sentence each: no `@Endpoint`, or input without a schema. */
export function faultsOf(controller: Controller, method: string): string[] {
  const handler = controller.prototype[method]!;
  const faults = unvalidatedInput(controller, method).map((how) => `takes ${how}`);
  if (!Reflect.hasMetadata(ENDPOINT, handler)) {
    faults.unshift('is a route handler without @Endpoint: add @Endpoint({ summary, … }) to it');
  }
  const { idempotent } = (Reflect.getMetadata(ENDPOINT, handler) ?? {}) as EndpointOptions;
  if (idempotent && accessOf(handler, controller) !== 'required') {
    faults.push('is idempotent, which needs a signed-in user: remove @Public() or idempotent');
  }
  return faults.map((fault) => `${controller.name}.${method}()${fileOf(controller)} ${fault}.`);
}

function unvalidatedInput(controller: Controller, method: string): string[] {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    Argument
  >;
  const isBodyExempt = Reflect.hasMetadata(UNVALIDATED_BODY, controller.prototype[method]!);
  return Object.entries(args)
    .filter(([, { schema }]) => !schema)
    .map(([key, { data }]) => ({ decorator: TAKES_INPUT[Number(key.split(':')[0])], data }))
    .filter(({ decorator }) => decorator && !(decorator === 'Body' && isBodyExempt))
    .map(({ decorator = '', data }) => describe(decorator, data));
}

function describe(decorator: string, name: string | undefined): string {
  const quoted = name === undefined ? '' : `'${name}'`;
  const taken = `@${decorator}(${quoted})`;
  if (decorator === 'Headers') {
    return `${taken}, which Nest does not validate: write @RequestHeader(${quoted || "'name'"}, schema)`;
  }
  return `${taken} without a schema: write @${decorator}(${quoted && `${quoted}, `}{ schema: … })`;
}

/** ` in src/…`, or nothing for a class that is not in a file of the application. Slow, so only for messages. */
export function fileOf({ name }: { name: string }): string {
  const declaration = new RegExp(`\\bclass ${name}\\b`);
  const file = globSync('**/*.{ts,js}', { cwd: SOURCES }).find(
    (path) => !path.endsWith('.spec.ts') && declaration.test(readFileSync(join(SOURCES, path), 'utf8')),
  );
  return file ? ` in src/${file.replaceAll(sep, '/').replace(/\.js$/, '.ts')}` : '';
}
