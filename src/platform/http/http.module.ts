import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { ErrorFormsModule } from '../errors/error-forms.ts';
import { IdempotencyInterceptor } from '../idempotency/idempotency.interceptor.ts';
import { IdempotencyService } from '../idempotency/idempotency.service.ts';
import { EventStreams } from './event-streams.service.ts';
import { ProblemFilter } from './problem.filter.ts';
import { ResponseSerializerInterceptor } from './response-serializer.interceptor.ts';
import { RouteMethods } from './route-methods.ts';
import { SystemController } from './system.controller.ts';
import { UnknownQueryInterceptor } from './unknown-query.interceptor.ts';
import { ValidationPipe } from './validation.pipe.ts';

/** Applies to every request: validation, serialization by the response schema, and errors as problem documents. */
@Global()
@Module({
  imports: [ErrorFormsModule],
  controllers: [SystemController],
  providers: [
    RouteMethods,
    EventStreams,
    IdempotencyService,
    { provide: APP_PIPE, useClass: ValidationPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: UnknownQueryInterceptor },
    // Before the serializer, so that it stores and repeats what the client got.
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
    {
      provide: APP_INTERCEPTOR,
      inject: [Reflector],
      useFactory: (reflector: Reflector) => new ResponseSerializerInterceptor(reflector),
    },
  ],
  exports: [ErrorFormsModule, RouteMethods, EventStreams, IdempotencyService],
})
export class HttpModule {}
