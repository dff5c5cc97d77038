import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { EntityManager } from 'typeorm';
import { type ResponseConfig, serialize } from '../security/response-serializer.ts';
import { hasIdempotencyKey, IdempotencyService } from './idempotency.service.ts';

/** Transactions that no handler has taken yet. */
const transactions = new WeakMap<FastifyRequest, EntityManager>();

/** The type of a parameter with `@IdempotentTransaction()`. */
export type RequestTransaction = EntityManager | undefined;

/**
 * The transaction in which an idempotent route must make its changes; undefined if the client sent no Idempotency-Key.
 * Services take it as an optional last parameter: `manager = this.db.manager`.
 */
export const IdempotentTransaction = createParamDecorator(
  (_: unknown, context: ExecutionContext): RequestTransaction => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const tx = transactions.get(request);
    transactions.delete(request);
    return tx;
  },
);

/** Runs a route once per Idempotency-Key. `@Endpoint({ idempotent: true })` adds it. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: IdempotencyService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // A route with a streamed body stores the stream first, then calls IdempotencyService itself.
    if (!hasIdempotencyKey(request) || request.body instanceof Readable) return next.handle();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const work = async (tx: EntityManager): Promise<unknown> => {
      transactions.set(request, tx);
      const body: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      // Stores the body that the client gets, without the properties that the response schema removes.
      if (!transactions.has(request)) return serialize(body, request.routeOptions.config as ResponseConfig);
      throw new Error(
        `${context.getHandler().name} is idempotent but does not take @IdempotentTransaction()`,
      );
    };
    return from(this.idempotency.runOnce(request, reply, canonicalJson(request.body), work));
  }
}

/** JSON with sorted keys: requests that differ only in the order of properties are the same. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
