import type { ModulesContainer } from '@nestjs/core';
import { StartupError } from '../config/config.ts';
import type { AppErrorClass, Problem } from '../errors/app-error.ts';
import * as platformErrors from '../errors/platform.errors.ts';
import { accessOf, permissionOf, type RouteAccess } from '../security/access.decorators.ts';
import type { Permission } from '../security/permissions.ts';
import { ENDPOINT, type EndpointOptions } from './endpoint.decorator.ts';
import { permissionFaults } from './permission-faults.ts';
import { type Controller, faultsOf, handlersOf } from './route-faults.ts';

export interface EndpointEntry {
  operationId: string;
  options: EndpointOptions;
  access: RouteAccess;
  permission: Permission | undefined;
}

/**
 * Every route handler, by operationId. Stops the start when one has no `@Endpoint`, takes input without a schema or requires a
 * permission that is not registered, or when two have the same name.
 */
export function findEndpoints(modules: ModulesContainer): Map<string, EndpointEntry> {
  const controllers = [...modules.values()].flatMap((module) =>
    [...module.controllers.values()].map(({ metatype }) => metatype as Controller),
  );
  const handlers = [...new Set(controllers)].flatMap((controller) =>
    handlersOf(controller).map((method) => ({ controller, method })),
  );
  const faults = [
    ...handlers.flatMap(({ controller, method }) => faultsOf(controller, method)),
    ...permissionFaults(modules),
  ];
  if (faults.length > 0) throw new StartupError(faults.join('\n'));
  const entries = new Map<string, EndpointEntry>();
  for (const { controller, method } of handlers) {
    if (entries.has(method)) {
      throw new StartupError(
        `Two route handlers are named ${method}, one of them in ${controller.name}: rename one, because the name is the operationId.`,
      );
    }
    entries.set(method, endpointOf(controller, method));
  }
  return entries;
}

function endpointOf(controller: Controller, operationId: string): EndpointEntry {
  const handler = controller.prototype[operationId]!;
  const options = Reflect.getMetadata(ENDPOINT, handler) as EndpointOptions;
  return {
    operationId,
    options,
    access: accessOf(handler, controller),
    permission: permissionOf(handler, controller),
  };
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
