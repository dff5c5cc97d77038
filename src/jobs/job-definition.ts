import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { Registry } from '../platform/registry/registry.ts';

export interface JobDefinition<Input = unknown> {
  /** In kebab case. Also the name of the queue. */
  readonly type: string;
  /** Validated when the job starts and again when it runs, because another release may have written it. */
  readonly input: z.ZodType<Input>;
  /** The job fails after this many failed runs. */
  readonly attempts: number;
  /** Time limit of one run. */
  readonly timeoutSeconds: number;
  /** Parallel runs in one worker process. */
  readonly concurrency: number;
  /** Delay after the n-th failed run, counted from 1, in seconds, without jitter. */
  readonly backoffSeconds: (attempt: number) => number;
  /** True if any user may start it with `POST /v1/jobs`. */
  readonly startableByUsers: boolean;
  /** True if a user has at most one running job of this type, so that many jobs of one user don't delay the others. */
  readonly onePerUser: boolean;
  /** How many jobs with the same `concurrencyKey` run at a time, in all workers together. Needed for `enqueue` with such a key. */
  readonly concurrencyPerKey?: number;
  /** 0 (first, the default) to 9. Jobs of other types are not affected: each type has its own workers. */
  readonly priority: number;
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
  onePerUser: false,
  priority: 0,
};

const JITTER = 0.2;

/** Fills in the defaults: `export const mailSend = defineJob({ type, input })`. Register it with `JobsModule.forFeature`. */
export const defineJob = <Input>(
  options: Pick<JobDefinition<Input>, 'type' | 'input'> & Partial<JobDefinition<Input>>,
): JobDefinition<Input> => ({ ...DEFAULTS, ...options });

/** The job types of all features, registered with `JobsModule.forFeature`. */
@Injectable()
export class JobTypes extends Registry<JobDefinition> {
  protected keyOf({ type }: JobDefinition): string {
    return type;
  }
}

export const hasConcurrencyKeys = ({ onePerUser, concurrencyPerKey }: JobDefinition): boolean =>
  onePerUser || concurrencyPerKey !== undefined;

/** The delay after a failed run, with jitter of 20 %, so that jobs that failed together are not retried together. */
export const pauseMs = ({ backoffSeconds }: Pick<JobDefinition, 'backoffSeconds'>, attempt: number): number =>
  backoffSeconds(attempt) * 1_000 * (1 - JITTER + 2 * JITTER * Math.random());
