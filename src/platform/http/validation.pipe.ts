import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import type { FieldFailure } from '../errors/app-error.ts';
import { NotFoundError, ValidationFailedError } from '../errors/platform.errors.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import { translate } from '../logging/request-context.ts';

// Zod's own messages, in the language of the request.
z.config({ localeError: (issue) => translate(platformTexts).zod(issue) });

/** Validates each parameter by its schema, declared as `@Body({ schema })`. */
@Injectable()
export class ValidationPipe implements PipeTransform {
  async transform(value: unknown, { schema, type, data }: ArgumentMetadata): Promise<unknown> {
    if (!schema) return value;
    const result = await schema['~standard'].validate(value);
    if (!result.issues) return result.value;
    // A malformed id belongs to no resource.
    if (type === 'param') throw new NotFoundError();
    throw new ValidationFailedError({
      // `data` is the name of a single parameter or header, such as `@Query('name', { schema })`.
      details: fieldFailures(result.issues as unknown as z.core.$ZodIssue[], value, data ? [data] : []),
    });
  }
}

/** `value` is the validated value, and `parents` its path in the body. */
export function fieldFailures(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  parents: string[] = [],
): FieldFailure[] {
  return issues.flatMap((issue) => {
    const path = [...parents, ...issue.path.map(String)];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        failure([...path, key], 'UNKNOWN_PROPERTY', translate(platformTexts).unknownProperty),
      );
    }
    return [failure(path, codeOf(issue, value), issue.message)];
  });
}

const failure = (path: string[], code: string, message: string): FieldFailure => ({
  path: path.join('.').slice(0, 200),
  code,
  message: message.slice(0, 300),
});

/** The codes for a length, then for a number. */
const SIZE_CODES = { too_small: ['TOO_SHORT', 'TOO_SMALL'], too_big: ['TOO_LONG', 'TOO_BIG'] } as const;

function codeOf(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return valueAt(value, issue.path) === undefined ? 'REQUIRED' : 'INVALID_TYPE';
    case 'too_small':
    case 'too_big':
      return sizeCode(issue);
    case 'invalid_format':
      return `INVALID_${issue.format.replace(/\W/g, '_').toUpperCase()}`;
    case 'invalid_value':
      return 'INVALID_VALUE';
    default:
      // Our own checks set a code.
      return issue.code === 'custom' ? (issue.params?.['code'] as string) : 'INVALID';
  }
}

const sizeCode = ({ code, origin }: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string =>
  SIZE_CODES[code][['string', 'array'].includes(origin) ? 0 : 1];

const valueAt = (root: unknown, path: PropertyKey[]): unknown =>
  path.reduce(
    (value: unknown, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    root,
  );
