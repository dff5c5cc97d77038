import { randomBytes } from 'node:crypto';
import type { SmtpServer } from '../support/smtp.ts';
import type { System } from '../support/system.ts';
import { until } from '../support/until.ts';
import { type Comparison, RequestLog } from './request-log.ts';

const PASSWORD = 'forty wet umbrellas';
const PATIENCE_MS = 30_000;
const SETTLED_MS = 60_000;
const JSON_TYPE = { 'content-type': 'application/json' };

interface Answer {
  at: number;
  ms: number;
  status: number | undefined;
  retryAfter: string | null;
}

/**
 * Clients that read, register and start exports at a constant rate, also when requests fail. The correlation id of each
 * request identifies its effect: the mail and the export carry it.
 */
export class MixedLoad {
  readonly answers: Answer[] = [];
  readonly registrations = new RequestLog();
  readonly exports = new RequestLog();
  private readonly prefix = `load-${randomBytes(4).toString('hex')}-`;
  private readonly open = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private sent = 0;

  constructor(
    private readonly system: System,
    private readonly smtp: SmtpServer,
    perSecond = 20,
  ) {
    this.timer = setInterval(() => this.send(), 1_000 / perSecond).unref();
  }

  /** Stops sending and waits for the open responses. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.open);
  }

  /** Waits until every job has finished, then compares the responses with the effects. */
  async differences(settledMs = SETTLED_MS): Promise<Comparison> {
    await until(() => this.isSettled(), 'all jobs to end', settledMs);
    const mails = this.registrations.compare(this.mailed());
    const exported = this.exports.compare(await this.exported());
    const keys = Object.keys(mails) as (keyof Comparison)[];
    return Object.fromEntries(keys.map((key) => [key, mails[key] + exported[key]])) as unknown as Comparison;
  }

  /** Number of recorded requests with an effect. */
  get asked(): number {
    return this.registrations.entries.length + this.exports.entries.length;
  }

  statuses(since = 0): Record<string, number> {
    const groups = Map.groupBy(this.since(since), ({ status }) => String(status ?? 'none'));
    return Object.fromEntries([...groups].map(([status, answers]) => [status, answers.length]));
  }

  since(time: number): Answer[] {
    return this.answers.filter(({ at }) => at >= time);
  }

  /** 99th percentile of the response times in this period. */
  p99(since = 0, before = Infinity): number {
    const sorted = this.since(since)
      .filter(({ at }) => at < before)
      .map(({ ms }) => ms)
      .toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  }

  /** A limit for p99 in milliseconds, longer on a slow machine. Before `calmUntil`, there was no fault. */
  limitFor(ms: number, calmUntil: number): number {
    return ms + 5 * this.p99(0, calmUntil);
  }

  /** Six of ten requests only read. Only one of twenty starts an export: a user has at most 100 unfinished jobs. */
  private send(): void {
    const n = this.sent++;
    const key = this.prefix + n;
    const work = n % 10 < 6 ? this.read() : n % 20 < 19 ? this.register(key) : this.export(key);
    this.open.add(work);
    void work.finally(() => this.open.delete(work));
  }

  private async read(): Promise<void> {
    await this.ask((signal) => this.system.request('GET', '/v1/users?limit=5', undefined, { signal }));
  }

  private async register(key: string): Promise<void> {
    const body = JSON.stringify({
      email: `${key}@example.com`,
      password: PASSWORD,
      displayName: 'Load',
    });
    const headers = { ...JSON_TYPE, 'x-correlation-id': key };
    const address = `${this.system.url}/v1/auth/register`;
    const status = await this.ask((signal) => fetch(address, { method: 'POST', headers, body, signal }));
    this.registrations.add({ requestId: key, key, status });
  }

  private async export(key: string): Promise<void> {
    const body = JSON.stringify({ type: 'user-export', input: {} });
    const status = await this.ask((signal) =>
      this.system.request('POST', '/v1/jobs', body, { correlationId: key, signal }),
    );
    this.exports.add({ requestId: key, key, status });
  }

  private async ask(send: (signal: AbortSignal) => Promise<Response>): Promise<number | undefined> {
    const at = Date.now();
    const answer = await send(AbortSignal.timeout(PATIENCE_MS)).catch(() => undefined);
    await answer?.text().catch(() => undefined);
    const retryAfter = answer?.headers.get('retry-after') ?? null;
    this.answers.push({ at, ms: Date.now() - at, status: answer?.status, retryAfter });
    return answer?.status;
  }

  private async isSettled(): Promise<boolean> {
    const { rows } = await this.system.db
      .query<{ count: string }>(`SELECT count(*) FROM jobs WHERE status IN ('queued', 'active')`)
      .catch(() => ({ rows: [] }));
    return rows[0]?.count === '0';
  }

  private mailed(): string[] {
    return this.smtp.messages
      .map((message) => message.headers.get('x-correlation-id') ?? '')
      .filter((key) => key.startsWith(this.prefix));
  }

  private async exported(): Promise<string[]> {
    const { rows } = await this.system.db.query<{ key: string }>(
      `SELECT correlation_id AS key FROM jobs
       WHERE type = 'user-export' AND status = 'completed' AND starts_with(correlation_id, $1)`,
      [this.prefix],
    );
    return rows.map(({ key }) => key);
  }
}
