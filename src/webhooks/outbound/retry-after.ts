const RETRY_AFTER_MAX_MS = 3_600_000;

/** Seconds or a date (RFC 9110, section 10.2.3), in milliseconds from now and at most an hour; 0 for anything else. */
export function retryAfterMs(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}
