import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { StartupError } from '../config/config.ts';
import type { AppErrorClass, Problem } from '../errors/app-error.ts';
import * as platformErrors from '../errors/platform.errors.ts';
import { IS_PUBLIC, ROLES } from '../security/access.decorators.ts';
import { ENDPOINT, type EndpointOptions } from './endpoint.decorator.ts';

export interface EndpointEntry {
  operationId: string;
  options: EndpointOptions;
  isPublic: boolean;
  hasRoles: boolean;
}

type Controller = (new (...args: never[]) => unknown) & { prototype: Record<string, object> };

/** Every route handler, by operationId. Stops the start when one has no `@Endpoint`, or when two have the same name. */
export function findEndpoints(modules: ModulesContainer): Map<string, EndpointEntry> {
  const controllers = [...modules.values()].flatMap((module) =>
    [...module.controllers.values()].map(({ metatype }) => metatype as Controller),
  );
  const entries = new Map<string, EndpointEntry>();
  for (const controller of new Set(controllers)) {
    for (const entry of endpointsOf(controller)) {
      if (entries.has(entry.operationId)) {
        throw new StartupError(
          `Two route handlers are named ${entry.operationId}, one of them in ${controller.name}: rename one, because the name is the operationId.`,
        );
      }
      entries.set(entry.operationId, entry);
    }
  }
  return entries;
}

function endpointsOf(controller: Controller): EndpointEntry[] {
  const methods = new MetadataScanner().getAllMethodNames(controller.prototype);
  return methods
    .filter((method) => Reflect.hasMetadata(METHOD_METADATA, controller.prototype[method]!))
    .map((method) => endpointOf(controller, method));
}

function endpointOf(controller: Controller, operationId: string): EndpointEntry {
  const handler = controller.prototype[operationId]!;
  const options = Reflect.getMetadata(ENDPOINT, handler) as EndpointOptions | undefined;
  if (!options) {
    throw new StartupError(
      `${controller.name}.${operationId}() is a route handler without @Endpoint: add @Endpoint({ summary, … }) to it.`,
    );
  }
  const has = (key: string): boolean =>
    Boolean(Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller));
  return { operationId, options, isPublic: has(IS_PUBLIC), hasRoles: has(ROLES) };
}

/** Every error that a client may get, by code: those of the platform and those that endpoints declare. */
export function listProblems(modules: ModulesContainer): Problem[] {
  const declared = [...findEndpoints(modules).values()].flatMap(({ options }) => [
    ...(options.errors ?? []),
    ...(options.redirectErrors ?? []),
  ]);
  const problems = new Map<string, Problem>();
  for (const { problem } of [...(Object.values(platformErrors) as AppErrorClass[]), ...declared]) {
    if ((problems.get(problem.code) ?? problem) !== problem) {
      throw new StartupError(`Two errors have the code ${problem.code}: a code must be unique.`);
    }
    problems.set(problem.code, problem);
  }
  return [...problems.values()].toSorted((a, b) => a.code.localeCompare(b.code));
}
