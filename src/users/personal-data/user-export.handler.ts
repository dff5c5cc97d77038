import { DataSource } from 'typeorm';
import { JobFilesService } from '../../jobs/job-files.service.ts';
import {
  type JobContext,
  UnrecoverableJobError,
  JobHandler,
  type JobRunner,
} from '../../jobs/job-handler.ts';
import { csvLine } from '../imports/import-csv.ts';
import { userExport } from '../users.jobs.ts';
import { type ZipEntry, zipStream } from './zip-stream.ts';

const PAGE_ROWS = 1_000;

/**
 * The exported columns and rows of each table. $1 is the user's id. Never contains hashes, tokens, salts or data of
 * other users.
 */
const TABLES: Record<string, [columns: string, table: string, isTheirs: string]> = {
  profile: [
    'id, email, display_name, role, status, email_verified_at, created_at, updated_at',
    'users',
    'id = $1 AND deleted_at IS NULL',
  ],
  sessions: [
    'id, user_agent, ip_address, created_at, last_used_at, expires_at, revoked_at, revoked_reason',
    'sessions',
    'user_id = $1',
  ],
  identities: ['provider, subject, email, created_at', 'identities', 'user_id = $1'],
  mails: ['template, recipient, created_at, sent_at', 'mails', 'user_id = $1'],
  jobs: ['id, type, status, attempts, created_at, started_at, finished_at', 'jobs', 'user_id = $1'],
  notifications: ['type, title, body, data, read_at, created_at', 'notifications', 'user_id = $1'],
  'webhook-endpoints': [
    'id, url, event_types, description, enabled, scope, created_at',
    'webhook_endpoints',
    'user_id = $1',
  ],
  'audit-events': [
    `type, CASE WHEN actor_id IS NULL OR actor_id = $1 THEN ip_address END AS ip_address,
     CASE WHEN actor_id IS NULL OR actor_id = $1 THEN user_agent END AS user_agent, data, created_at`,
    'audit_events',
    'user_id = $1',
  ],
};

type Row = Record<string, string | number | boolean | object | null>;
/** `created_at` and `id` of the last row of a page. */
type Key = [string, string];
type KeyedRow = Omit<Row, 'key'> & { key?: Key };

const FIRST_KEY: Key = ['-infinity', '00000000-0000-0000-0000-000000000000'];

/** Exports the user's data to a ZIP with every table as JSON and as CSV. */
@JobHandler(userExport)
export class UserExportHandler implements JobRunner<object> {
  constructor(
    private readonly db: DataSource,
    private readonly files: JobFilesService,
  ) {}

  async run(_input: object, ctx: JobContext): Promise<void> {
    const entries = Object.keys(TABLES).flatMap((name): ZipEntry[] => [
      { name: `${name}.json`, text: asJson(this.pages(name, ctx)) },
      { name: `${name}.csv`, text: asCsv(this.pages(name, ctx)) },
    ]);
    // Stored without the lease. If the worker stalls, the purge removes the file.
    const file = await this.files.store(
      { name: 'my-data.zip', mediaType: 'application/zip' },
      zipStream(entries),
    );
    try {
      const outcome = { result: { files: entries.length }, resultFileId: file.id };
      await ctx.complete(outcome, (tx) => this.files.removeEarlierResults(ctx.job, tx));
    } catch (error) {
      await this.files.remove(file.id);
      throw error;
    }
  }

  /**
   * Oldest first, and only rows that existed when the job started. Each table is read twice, so a row that changes
   * during the export may differ between JSON and CSV.
   */
  private async *pages(name: string, { job, signal }: JobContext): AsyncGenerator<Row[]> {
    const [columns, table, isTheirs] = TABLES[name]!;
    let last: Key | undefined = FIRST_KEY;
    while (last) {
      signal.throwIfAborted();
      const found: KeyedRow[] = await this.db.query(
        `SELECT ARRAY[created_at::text, id::text] AS key, ${columns} FROM ${table}
         WHERE ${isTheirs} AND created_at <= $2 AND (created_at, id) > ($3, $4)
         ORDER BY created_at, id LIMIT ${PAGE_ROWS}`,
        [job.userId, job.startedAt, ...last],
      );
      if (name === 'profile' && found.length === 0)
        throw new UnrecoverableJobError('ACCOUNT_GONE', 'The account is gone.');
      last = found[PAGE_ROWS - 1]?.key;
      for (const row of found) delete row.key;
      yield found;
    }
  }
}

/** Same format as `JSON.stringify(rows, null, 2)`. */
async function* asJson(pages: AsyncIterable<Row[]>): AsyncGenerator<string> {
  let before = '[';
  for await (const rows of pages) {
    if (rows.length === 0) continue;
    yield before + JSON.stringify(rows, null, 2).slice(1, -2);
    before = ',';
  }
  yield before === '[' ? '[]\n' : '\n]\n';
}

async function* asCsv(pages: AsyncIterable<Row[]>): AsyncGenerator<string> {
  let columns: string[] | undefined;
  for await (const rows of pages) {
    const header = columns ? [] : [(columns = Object.keys(rows[0] ?? {}))];
    const lines = rows.map((row) => columns!.map((column) => cell(row[column])));
    yield [...header, ...lines].map(csvLine).join('');
  }
}

function cell(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
