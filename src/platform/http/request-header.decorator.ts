import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

const fromHeader = createParamDecorator((name: string, context: ExecutionContext) => {
  const value = context.switchToHttp().getRequest<FastifyRequest>().headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
});

/**
 * One header, validated by its schema and described in the OpenAPI document: `@RequestHeader('x-device', deviceSchema)`.
 * Nest validates no headers, so a route with `@Headers()` stops the start.
 */
export const RequestHeader =
  (name: string, schema: z.ZodType): ParameterDecorator =>
  (target, key, index) => {
    const method = key as string;
    fromHeader(name.toLowerCase(), { schema })(target, method, index);
    const { $schema, ...described } = z.toJSONSchema(schema, { io: 'input' });
    void $schema;
    const required = !schema.safeParse(undefined).success;
    const descriptor = Object.getOwnPropertyDescriptor(target, method)!;
    ApiHeader({ name, required, schema: described as never })(target, method, descriptor);
  };
