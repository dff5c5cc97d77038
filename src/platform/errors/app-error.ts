/** One kind of error. GET /problems lists them all. */
export interface Problem {
  /** Stable and in UPPER_SNAKE_CASE: clients decide by it. */
  code: string;
  status: number;
  /** Short, and always the same for one code (RFC 9457, section 3.1.3). */
  title: string;
  /** What is wrong and what to do next. A throw may pass a more specific one. */
  detail: string;
}

export interface ProblemExtras {
  /** What is wrong in this case and what to do next. Sent to the client: no internals. */
  detail?: string;
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
    super(extras.detail ?? problem.detail);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export type AppErrorClass = (new (extras?: ProblemExtras) => AppError) & { readonly problem: Problem };

/**
 * Creates the base of an error class: `class EmailTakenError extends defineProblem(409, 'EMAIL_TAKEN', 'Email taken', '…') {}`.
 * `title` is short and fixed. `detail` says what is wrong and what to do next; a throw may pass a more specific one.
 */
export function defineProblem(status: number, code: string, title: string, detail: string): AppErrorClass {
  const problem: Problem = { code, status, title, detail };
  return class extends AppError {
    static readonly problem = problem;
    override readonly name = code;

    constructor(extras?: ProblemExtras) {
      super(problem, extras);
    }
  };
}
