export interface Entry {
  /** X-Request-Id, as the client chose it or the server gave it. */
  requestId: string;
  /** What makes the effect recognisable in the database and at a receiver: an address, an event id, a job id. */
  key: string;
  /** Undefined where no answer came: then the effect may be there once, or not at all. */
  status?: number | undefined;
}

export interface Comparison {
  /** Answered with 2xx, and the effect is missing. */
  lost: number;
  /** Effects beyond the first of a key. */
  doubled: number;
  /** Answered with 4xx or 5xx, and the effect is there all the same. */
  refusedYetDone: number;
  /** Effects that nobody asked for. */
  unasked: number;
}

export const AS_ASKED: Comparison = { lost: 0, doubled: 0, refusedYetDone: 0, unasked: 0 };

/** What clients asked for and were answered, to be compared with what really happened. */
export class RequestLedger {
  readonly entries: Entry[] = [];

  add(entry: Entry): void {
    this.entries.push(entry);
  }

  /** The keys of all that was answered with 2xx. */
  get accepted(): string[] {
    return this.entries.filter(({ status }) => isSuccess(status)).map(({ key }) => key);
  }

  /** How often each answer was given: `{ '202': 480, '503': 12, none: 8 }`. */
  get answers(): Record<string, number> {
    const groups = Map.groupBy(this.entries, ({ status }) => String(status ?? 'none'));
    return Object.fromEntries([...groups].map(([status, entries]) => [status, entries.length]));
  }

  /** `effects`: the key of each effect, as often as it happened. A key may be asked for more than once. */
  compare(effects: string[]): Comparison {
    const counts = Map.groupBy(effects, (key) => key);
    const byKey = Map.groupBy(this.entries, ({ key }) => key);
    const comparison = { ...AS_ASKED };
    for (const [key, found] of counts) {
      comparison.doubled += found.length - 1;
      const asked = byKey.get(key);
      if (!asked) comparison.unasked += 1;
      else if (asked.every(({ status }) => status !== undefined && !isSuccess(status)))
        comparison.refusedYetDone += 1;
    }
    comparison.lost = new Set(this.accepted.filter((key) => !counts.has(key))).size;
    return comparison;
  }
}

const isSuccess = (status: number | undefined): boolean =>
  status !== undefined && status >= 200 && status < 300;
