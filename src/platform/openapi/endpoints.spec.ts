import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { StartupError } from '../config/config.ts';
import { Endpoint } from './endpoint.decorator.ts';
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

  it('rejects two handlers of the same name', () => {
    const modules = withControllers(CompleteController, TwinController);

    expect(() => findEndpoints(modules)).toThrow(
      /^Two route handlers are named listThings, one of them in TwinController/,
    );
  });
});
