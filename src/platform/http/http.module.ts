import { Global, Module } from '@nestjs/common';
import { StandardSchemaSerializerInterceptor } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { EventStreams } from './event-streams.service.ts';
import { ProblemFilter } from './problem.filter.ts';
import { RouteMethods } from './route-methods.ts';
import { SystemController } from './system.controller.ts';
import { UnknownQueryInterceptor } from './unknown-query.interceptor.ts';
import { ValidationPipe } from './validation.pipe.ts';

/** What every request passes: its body is validated, its answer is whittled down to its schema, its error is a problem. */
@Global()
@Module({
  controllers: [SystemController],
  providers: [
    RouteMethods,
    EventStreams,
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: UnknownQueryInterceptor },
    {
      provide: APP_INTERCEPTOR,
      inject: [Reflector],
      useFactory: (reflector: Reflector) => new StandardSchemaSerializerInterceptor(reflector),
    },
  ],
  exports: [RouteMethods, EventStreams],
})
export class HttpModule {}
