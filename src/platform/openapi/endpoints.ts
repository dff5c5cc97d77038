import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
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

/** Every handler with `@Endpoint`, by operationId. Fails when two handlers have the same name. */
export function findEndpoints(modules: ModulesContainer): Map<string, EndpointEntry> {
  const controllers = [...modules.values()].flatMap((module) =>
    [...module.controllers.values()].map(({ metatype }) => metatype),
  );
  const entries = new Map<string, EndpointEntry>();
  for (const controller of new Set(controllers)) {
    for (const entry of endpointsOf(controller as Controller)) {
      if (entries.has(entry.operationId)) {
        throw new Error(`Two handlers are named ${entry.operationId}: an operationId must be unique`);
      }
      entries.set(entry.operationId, entry);
    }
  }
  return entries;
}

type Controller = (new (...args: never[]) => unknown) & { prototype: Record<string, object> };

function endpointsOf(controller: Controller): EndpointEntry[] {
  return new MetadataScanner().getAllMethodNames(controller.prototype).flatMap((operationId) => {
    const handler = controller.prototype[operationId]!;
    const options = Reflect.getMetadata(ENDPOINT, handler) as EndpointOptions | undefined;
    const has = (key: string): boolean =>
      Boolean(Reflect.getMetadata(key, handler) ?? Reflect.getMetadata(key, controller));
    return options ? [{ operationId, options, isPublic: has(IS_PUBLIC), hasRoles: has(ROLES) }] : [];
  });
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
      throw new Error(`Two errors have the code ${problem.code}: a code must be unique`);
    }
    problems.set(problem.code, problem);
  }
  return [...problems.values()].toSorted((a, b) => a.code.localeCompare(b.code));
}
