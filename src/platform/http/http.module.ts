import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { StandardSchemaSerializerInterceptor } from '@nestjs/common';
import { ProblemFilter } from './problem.filter.ts';
import { ProblemsController } from './problems.controller.ts';
import { RootController } from './root.controller.ts';
import { RouteMethods } from './route-methods.ts';
import { UnknownQueryInterceptor } from './unknown-query.interceptor.ts';
import { ValidationPipe } from './validation.pipe.ts';

/** What every request passes: its body is validated, its answer is whittled down to its schema, its error is a problem. */
@Global()
@Module({
  controllers: [RootController, ProblemsController],
  providers: [
    RouteMethods,
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: UnknownQueryInterceptor },
    {
      provide: APP_INTERCEPTOR,
      inject: [Reflector],
      useFactory: (reflector: Reflector) => new StandardSchemaSerializerInterceptor(reflector),
    },
  ],
  exports: [RouteMethods],
})
export class HttpModule {}
