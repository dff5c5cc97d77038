import { describe, expect, it } from '@jest/globals';
import { Body, Controller, type DynamicModule, Get, Post, type ValueProvider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { StartupError } from '../config/config.ts';
import { Public, RequirePermission } from '../security/access.decorators.ts';
import { definePermission, PermissionsModule } from '../security/permissions.ts';
import { Endpoint, UnvalidatedBody } from './endpoint.decorator.ts';
import { findEndpoints } from './endpoints.ts';

@Controller('complete')
class CompleteController {
  @Get()
  @Endpoint({ summary: 'List things' })
  listThings(): void {}

  helper(): void {}
}

@Controller('incomplete')
class IncompleteController {
  @Get()
  @Endpoint({ summary: 'Get a thing' })
  getThing(): void {}

  @Post()
  createThing(): void {}
}

@Controller('streams')
class StreamsController {
  @Post()
  @Endpoint({ summary: 'Upload a file' })
  @UnvalidatedBody('The handler checks each line.')
  upload(@Body() _body: unknown): void {}
}

@Controller('twin')
class TwinController {
  @Get()
  @Endpoint({ summary: 'List other things' })
  listThings(): void {}
}

const notesRead = definePermission({ name: 'notes:read', description: 'Read notes.' });
const roles = [
  { name: 'user', permissions: [] },
  { name: 'admin', permissions: 'all' as const },
];

@Controller('notes')
class NotesController {
  @Get()
  @Endpoint({ summary: 'List notes' })
  @RequirePermission(notesRead)
  listNotes(): void {}
}

@Controller('open-notes')
class OpenNotesController {
  @Get()
  @Endpoint({ summary: 'List open notes' })
  @Public()
  @RequirePermission(notesRead)
  listOpenNotes(): void {}
}

class NotesResolver {
  @RequirePermission(notesRead)
  notes(): void {}
}

const defaultModules = [PermissionsModule.withRoles(roles)];

const withControllers = (...controllers: object[]): ModulesContainer => withParts({ controllers });

/** The modules of an application with these classes and registrations. */
function withParts({
  controllers = [],
  resolvers = [],
  registrations = defaultModules,
}: {
  controllers?: object[];
  resolvers?: object[];
  registrations?: DynamicModule[];
}): ModulesContainer {
  const values = registrations.flatMap(({ providers = [] }) =>
    providers.map((provider) => ({ instance: (provider as ValueProvider).useValue })),
  );
  const providers = [...values, ...resolvers.map((metatype) => ({ metatype }))];
  const module = {
    controllers: new Map(controllers.map((metatype) => [metatype, { metatype }])),
    providers: new Map(providers.entries()),
  };
  return new Map([['module', module]]) as unknown as ModulesContainer;
}

describe('findEndpoints', () => {
  it('finds the handlers of routes, by operationId', () => {
    const endpoints = findEndpoints(withControllers(CompleteController));

    expect([...endpoints.keys()]).toEqual(['listThings']);
  });

  it('names the class and method of a route handler without @Endpoint', () => {
    const modules = withControllers(CompleteController, IncompleteController);

    expect(() => findEndpoints(modules)).toThrow(
      new StartupError(
        'IncompleteController.createThing() is a route handler without @Endpoint: add @Endpoint({ summary, … }) to it.',
      ),
    );
  });

  it('names the file of a class of the application', () => {
    // Has the name of a controller of the application.
    @Controller('health')
    class HealthController {
      @Get()
      check(): void {}
    }

    expect(() => findEndpoints(withControllers(HealthController))).toThrow(
      'HealthController.check() in src/platform/health/health.controller.ts is a route handler without @Endpoint',
    );
  });

  it('accepts a body without a schema that has a reason', () => {
    expect([...findEndpoints(withControllers(StreamsController)).keys()]).toEqual(['upload']);
  });

  it.each([
    ['route', { controllers: [NotesController] }, 'NotesController.listNotes() requires notes:read'],
    ['GraphQL field', { resolvers: [NotesResolver] }, 'NotesResolver.notes() requires notes:read'],
    [
      'role',
      {
        registrations: [
          PermissionsModule.withRoles([...roles, { name: 'support', permissions: [notesRead] }]),
        ],
      },
      'The role support has notes:read',
    ],
  ])('rejects a %s with a permission that is not registered', (_kind, parts, subject) => {
    expect(() => findEndpoints(withParts(parts))).toThrow(
      new StartupError(
        `${subject}, which is not registered: add it to PermissionsModule.forFeature([…]) in a module.`,
      ),
    );
  });

  it('accepts a registered permission, and rejects it on a route for anonymous callers', () => {
    const registrations = [...defaultModules, PermissionsModule.forFeature([notesRead])];
    const of = (controller: object) => withParts({ controllers: [controller], registrations });

    expect(findEndpoints(of(NotesController)).get('listNotes')).toMatchObject({ permission: notesRead });
    expect(() => findEndpoints(of(OpenNotesController))).toThrow('which needs a signed-in user');
  });

  it.each([
    ['user', [{ name: 'admin', permissions: 'all' as const }]],
    ['admin', [{ name: 'user', permissions: [] }]],
    ['admin with all permissions', [roles[0]!, { name: 'admin', permissions: [] }]],
  ])('rejects an application without the role %s', (_name, defined) => {
    const modules = withParts({ registrations: [PermissionsModule.withRoles(defined)] });

    expect(() => findEndpoints(modules)).toThrow('src/app.roles.ts must define the role user');
  });

  it('rejects two handlers of the same name', () => {
    const modules = withControllers(CompleteController, TwinController);

    expect(() => findEndpoints(modules)).toThrow(
      /^Two route handlers are named listThings, one of them in TwinController/,
    );
  });
});
