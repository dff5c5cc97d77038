/** One thing that can be refused, as the catalogue at /problems shows it. */
export interface Problem {
  /** Stable, UPPER_SNAKE: what clients switch on. */
  code: string;
  status: number;
  /** One sentence for people; the same for every occurrence (RFC 9457, section 3.1.3). */
  title: string;
}

export interface ProblemExtras {
  /** What is particular to this occurrence. Sent to the client: no internals. */
  detail?: string;
  /** Failures of single fields. */
  details?: FieldFailure[];
  headers?: Record<string, string>;
}

export interface FieldFailure {
  /** Dotted, for example `address.city`; empty for the whole body. */
  path: string;
  code: string;
  message: string;
}

/** An expected refusal. Both the REST filter and other transports read code and status from it. */
export class AppError extends Error {
  constructor(
    readonly problem: Problem,
    readonly extras: ProblemExtras = {},
  ) {
    // A refusal is an answer, not a fault: capturing its stack would double the price of a bad request.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(extras.detail);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export type AppErrorClass = (new (extras?: ProblemExtras) => AppError) & { readonly problem: Problem };

const catalogue = new Map<string, Problem>();

/** Everything that can be refused, by code. */
export function allProblems(): Problem[] {
  return [...catalogue.values()].toSorted((a, b) => a.code.localeCompare(b.code));
}

/**
 * Makes the base of an error class: `class EmailTakenError extends defineProblem(409, 'EMAIL_TAKEN', 'Email taken', '…') {}`.
 * `title` is short and fixed. `detail` says what is wrong and what to do next; a throw may pass a more specific one.
 */
export function defineProblem(status: number, code: string, title: string, detail?: string): AppErrorClass {
  const entry = { code, status, title };
  if (catalogue.has(code)) throw new Error(`The code ${code} is listed twice`);
  catalogue.set(code, entry);
  return class extends AppError {
    static readonly problem = entry;
    override readonly name = code;

    constructor(extras?: ProblemExtras) {
      super(entry, { ...(detail && { detail }), ...extras });
    }
  };
}
