/**
 * Rejects when the work takes longer. The work itself goes on, so prefer `AbortSignal.timeout` where the work accepts a
 * signal.
 */
export function withTimeout<T>(
  work: Promise<T>,
  ms: number,
  createError = () => new Error(`No result within ${ms} ms`),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(createError()), ms);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
