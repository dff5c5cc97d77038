import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { ErrorFormsModule } from '../errors/error-forms.ts';
import { IdempotencyService } from '../idempotency/idempotency.service.ts';
import { EventStreams } from './event-streams.service.ts';
import { ProblemFilter } from './problem.filter.ts';
import { RouteMethods } from './route-methods.ts';
import { SystemController } from './system.controller.ts';
import { ValidationPipe } from './validation.pipe.ts';

/** Applies to every request: validation, and errors as problem documents. */
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
  ],
  exports: [ErrorFormsModule, RouteMethods, EventStreams, IdempotencyService],
})
export class HttpModule {}
