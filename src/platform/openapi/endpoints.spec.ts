import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { StartupError } from '../config/config.ts';
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

const withControllers = (...controllers: object[]): ModulesContainer => {
  const entries = new Map(controllers.map((metatype) => [metatype, { metatype }]));
  return new Map([['module', { controllers: entries }]]) as unknown as ModulesContainer;
};

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
    // Named as one of the application.
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

  it('rejects two handlers of the same name', () => {
    const modules = withControllers(CompleteController, TwinController);

    expect(() => findEndpoints(modules)).toThrow(
      /^Two route handlers are named listThings, one of them in TwinController/,
    );
  });
});
