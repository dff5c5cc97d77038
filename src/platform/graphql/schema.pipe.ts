import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { ValidationPipe } from '../http/validation.pipe.ts';

const validation = new ValidationPipe();

/** Checks an argument with the schema of the REST body. */
export class InputPipe implements PipeTransform {
  constructor(private readonly schema: z.ZodType) {}

  transform(value: unknown): Promise<unknown> {
    return validation.transform(value, { type: 'body', schema: this.schema });
  }
}

/** Checks an id. A malformed id belongs to no resource. */
export class IdPipe implements PipeTransform {
  constructor(private readonly schema: z.ZodType) {}

  transform(value: unknown): Promise<unknown> {
    return validation.transform(value, { type: 'param', schema: this.schema });
  }
}
