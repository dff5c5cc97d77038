import { operations } from './openapi.ts';

/** Documented responses that no test causes, with the reason. */
export const NEVER_SEEN: Record<string, string> = {};

/**
 * Compares the responses of a whole run with openapi.json. Each line is an operationId and a status. Returns one line per
 * documented response that was never seen, and per exception that is out of date.
 */
export function coverageGaps(lines: string[]): string[] {
  const seen = new Set(lines);
  const documented = operations.flatMap(({ operationId, responses }) =>
    Object.keys(responses).map((status) => `${operationId} ${status}`),
  );
  const unseen = documented.filter((response) => !seen.has(response) && !(response in NEVER_SEEN));
  const outdated = Object.keys(NEVER_SEEN).filter(
    (response) => seen.has(response) || !documented.includes(response),
  );
  return [
    ...unseen.map((response) => `${response} is documented, but no test saw it.`),
    ...outdated.map((response) => `${response} was seen or is not documented: remove it from NEVER_SEEN.`),
  ];
}
