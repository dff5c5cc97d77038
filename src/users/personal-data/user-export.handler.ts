import { JobFilesService } from '../../jobs/job-files.service.ts';
import {
  type JobContext,
  UnrecoverableJobError,
  JobHandler,
  type JobRunner,
} from '../../jobs/job-handler.ts';
import { type ExportRule, PersonalData } from '../../platform/personal-data/personal-data.module.ts';
import { ReadReplica } from '../../platform/replica/read-replica.module.ts';
import { csvLine } from '../csv-line.ts';
import { userExport } from '../users.jobs.ts';
import { type ZipEntry, zipStream } from './zip-stream.ts';

const PAGE_ROWS = 1_000;

type ExportedTable = ExportRule & { table: string };

type Row = Record<string, string | number | boolean | object | null>;
/** `created_at` and `id` of the last row of a page. */
type Key = [string, string];
type KeyedRow = Omit<Row, 'key'> & { key?: Key };

const FIRST_KEY: Key = ['-infinity', '00000000-0000-0000-0000-000000000000'];

/** Exports the user's data to a ZIP with every table as JSON and as CSV. */
@JobHandler(userExport)
export class UserExportHandler implements JobRunner<object> {
  constructor(
    private readonly replica: ReadReplica,
    private readonly files: JobFilesService,
    private readonly personalData: PersonalData,
  ) {}

  async run(_input: object, ctx: JobContext): Promise<void> {
    const entries = this.exportedTables().flatMap((table): ZipEntry[] => [
      { name: `${table.file}.json`, text: asJson(this.pages(table, ctx)) },
      { name: `${table.file}.csv`, text: asCsv(this.pages(table, ctx)) },
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

  private exportedTables(): ExportedTable[] {
    return this.personalData
      .all()
      .flatMap(({ table, exported }) => ('file' in exported ? [{ table, ...exported }] : []));
  }

  /**
   * Oldest first, and only rows that existed when the job started. Each table is read twice, so a row that changes
   * during the export may differ between JSON and CSV.
   */
  private async *pages(
    { table, columns, where }: ExportedTable,
    { job, signal }: JobContext,
  ): AsyncGenerator<Row[]> {
    let last: Key | undefined = FIRST_KEY;
    while (last) {
      signal.throwIfAborted();
      const db = this.replica.selectReaderWithChangesUntil(job.startedAt ?? job.createdAt);
      const found: KeyedRow[] = await db.query(
        `SELECT ARRAY[created_at::text, id::text] AS key, ${columns} FROM ${table}
         WHERE ${where} AND created_at <= $2 AND (created_at, id) > ($3, $4)
         ORDER BY created_at, id LIMIT ${PAGE_ROWS}`,
        [job.userId, job.startedAt, ...last],
      );
      if (table === 'users' && found.length === 0)
        throw new UnrecoverableJobError('ACCOUNT_GONE', 'The account was deleted.');
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
    const lines = rows.map((row) => columns!.map((column) => row[column]));
    yield [...header, ...lines].map(csvLine).join('');
  }
}
