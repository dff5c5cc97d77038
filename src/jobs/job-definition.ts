import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { Registry } from '../platform/registry/registry.ts';

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

/** The pause after this failed run, spread by a fifth, so that what failed together doesn't come back together. */
export const pauseMs = ({ backoffSeconds }: Pick<JobDefinition, 'backoffSeconds'>, attempt: number): number =>
  backoffSeconds(attempt) * 1_000 * (1 - JITTER + 2 * JITTER * Math.random());
