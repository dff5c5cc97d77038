import type { z } from 'zod';

export interface JobDefinition<Input = unknown> {
  /** Kebab-case; the name of the queue too. */
  readonly type: string;
  /** Checked when the job is started and again when it runs, since an older release may have written it. */
  readonly input: z.ZodType<Input>;
  /** Runs before it stays failed. */
  readonly attempts: number;
  /** Of one run, in seconds. */
  readonly timeoutSeconds: number;
  /** Runs at a time in one worker process. */
  readonly concurrency: number;
  /** Pause after the n-th failed run (from 1), in seconds, before jitter. */
  readonly backoffSeconds: (attempt: number) => number;
  /** True where any signed-in user may start it by `POST /v1/jobs`. */
  readonly startableByUsers: boolean;
  /** How many jobs of an expensive type one user may start per day. Multiplied by RATE_LIMIT_FACTOR. */
  readonly perUserAndDay?: number;
}

const MAX_BACKOFF_SECONDS = 300;

const DEFAULTS = {
  attempts: 8,
  timeoutSeconds: 60,
  concurrency: 5,
  backoffSeconds: (attempt: number) => Math.min(2 ** (attempt - 1), MAX_BACKOFF_SECONDS),
  startableByUsers: false,
};

const JITTER = 0.2;

const definitions = new Map<string, JobDefinition>();

/** The contract between those who start a job and its handler: `export const mailSend = defineJob({ type, input })`. */
export function defineJob<Input>(
  options: Pick<JobDefinition<Input>, 'type' | 'input'> & Partial<JobDefinition<Input>>,
): JobDefinition<Input> {
  const definition = { ...DEFAULTS, ...options };
  if (definitions.has(definition.type)) throw new Error(`The job type ${definition.type} is defined twice`);
  definitions.set(definition.type, definition);
  return definition;
}

/** The pause after this failed run, spread by a fifth, so that what failed together doesn't come back together. */
export const pauseMs = ({ backoffSeconds }: Pick<JobDefinition, 'backoffSeconds'>, attempt: number): number =>
  backoffSeconds(attempt) * 1_000 * (1 - JITTER + 2 * JITTER * Math.random());

/** Of this release, so far as the process has loaded them: a worker knows all. */
export const knownJobTypes = (): string[] => [...definitions.keys()];

export const findJobDefinition = (type: string): JobDefinition | undefined => definitions.get(type);

export const jobTypesForUsers = (): string[] =>
  [...definitions.values()]
    .filter((definition) => definition.startableByUsers)
    .map((definition) => definition.type);
