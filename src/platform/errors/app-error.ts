import type { Locale, TargetLocale, Translated } from '../i18n/locales.ts';

export interface ProblemText {
  /** Short, and always the same for one code (RFC 9457, section 3.1.3). */
  title: string;
  /** What is wrong and what to do next. A throw may pass a more specific one. */
  detail: string;
}

/** One kind of error. GET /problems lists them all. */
export interface Problem extends ProblemText {
  /** Stable and in UPPER_SNAKE_CASE, because clients compare it. */
  code: string;
  status: number;
  /** The texts in the other languages. */
  translations?: Record<TargetLocale, ProblemText>;
}

export const problemText = ({ translations, ...english }: Problem, locale: Locale): ProblemText =>
  locale === 'en' || !translations ? english : translations[locale];

export interface ProblemExtras {
  /** What is wrong in this case and what to do next. Clients see it: no internals. `localize` returns all languages. */
  detail?: string | Translated<string>;
  /** One entry per invalid field. */
  details?: FieldFailure[];
  headers?: Record<string, string>;
}

export interface FieldFailure {
  /** Dotted, for example `address.city`; empty for the whole body. */
  path: string;
  code: string;
  message: string;
}

/** An expected error, which ProblemFilter sends to the client. */
export class AppError extends Error {
  constructor(
    readonly problem: Problem,
    readonly extras: ProblemExtras = {},
  ) {
    // Without a stack, which would double the cost of a bad request.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const { detail = problem.detail } = extras;
    super(typeof detail === 'string' ? detail : detail.en);
    Error.stackTraceLimit = stackTraceLimit;
  }

  textIn(locale: Locale): ProblemText {
    const text = problemText(this.problem, locale);
    const { detail = text.detail } = this.extras;
    return { title: text.title, detail: typeof detail === 'string' ? detail : detail[locale] };
  }
}

export type AppErrorClass = (new (extras?: ProblemExtras) => AppError) & { readonly problem: Problem };

/**
 * Creates the base of an error class: `class EmailTakenError extends defineProblem(409, 'EMAIL_TAKEN', 'Email taken', '…') {}`.
 * `title` is short and fixed. `detail` says what is wrong and what to do next; a throw may pass a more specific one.
 */
export function defineProblem(status: number, code: string, title: string, detail: string): AppErrorClass {
  return errorClassOf({ code, status, title, detail });
}

/**
 * `defineProblem` for a feature with catalogues: `const defineProblem = problemsIn({ de })`. A code without a text in each
 * language is a type error.
 */
export const problemsIn =
  <Code extends string>(catalogs: Record<TargetLocale, Record<Code, ProblemText>>) =>
  (status: number, code: Code, title: string, detail: string): AppErrorClass => {
    const translations = Object.fromEntries(
      Object.entries(catalogs).map(([locale, texts]) => [locale, texts[code]]),
    ) as Record<TargetLocale, ProblemText>;
    return errorClassOf({ code, status, title, detail, translations });
  };

function errorClassOf(problem: Problem): AppErrorClass {
  return class extends AppError {
    static readonly problem = problem;
    override readonly name = problem.code;

    constructor(extras?: ProblemExtras) {
      super(problem, extras);
    }
  };
}
