import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import type { z } from 'zod';
import { Registry, registerIn } from '../registry/registry.ts';
import type { AppError } from './app-error.ts';
import { type Occurrence, PROBLEM_MEDIA_TYPE, problemBody } from './problem-body.ts';

/** The body of an error response. */
export interface ErrorFormat {
  mediaType: string;
  body(error: AppError, occurrence: Occurrence): string;
}

const PROBLEM_FORMAT: ErrorFormat = { mediaType: PROBLEM_MEDIA_TYPE, body: problemBody };

/** Another form of errors than problem+json, for an API that must keep an old contract. */
export interface ErrorForm extends ErrorFormat {
  /** A path such as `/api`: applies to the routes below it and to unknown paths there. */
  readonly prefix: string;
  /** The schema of the body, for the OpenAPI document. */
  readonly schema: z.ZodType;
}

@Injectable()
export class ErrorForms extends Registry<ErrorForm> {
  protected keyOf({ prefix }: ErrorForm): string {
    return prefix;
  }

  /** The form with the longest prefix of this path. */
  forUrl(url: string): ErrorForm | undefined {
    const [path = ''] = url.split('?');
    return this.all()
      .filter(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
      .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  }

  formatFor(url: string): ErrorFormat {
    return this.forUrl(url) ?? PROBLEM_FORMAT;
  }
}

@Module({ providers: [ErrorForms], exports: [ErrorForms] })
export class ErrorFormsModule {
  static forFeature(forms: ErrorForm[]): DynamicModule {
    return registerIn(ErrorFormsFeatureModule, ErrorForms, forms);
  }
}

@Module({ imports: [ErrorFormsModule] })
class ErrorFormsFeatureModule {}
