import { strToU8, zipSync } from 'fflate';
import { DataSource } from 'typeorm';
import { JobFilesService } from '../../jobs/job-files.service.ts';
import { type JobContext, JobFailure, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import { csvLine } from '../imports/import-csv.ts';
import { userExport } from './user-export.job.ts';

/**
 * What there is about a person, a table each. Never hashes, tokens or salts, and nothing of whoever else acted upon the
 * account. $1 is the person.
 */
const TABLES: Record<string, string> = {
  profile: `SELECT id, email, display_name, role, status, email_verified_at, created_at, updated_at
            FROM users WHERE id = $1 AND deleted_at IS NULL`,
  sessions: `SELECT id, user_agent, ip_address, created_at, last_used_at, expires_at, revoked_at, revoked_reason
             FROM sessions WHERE user_id = $1 ORDER BY created_at`,
  identities: `SELECT provider, subject, email, created_at FROM identities WHERE user_id = $1 ORDER BY created_at`,
  mails: `SELECT template, recipient, created_at, sent_at FROM mails WHERE user_id = $1 ORDER BY created_at`,
  jobs: `SELECT id, type, status, attempts, created_at, started_at, finished_at
         FROM jobs WHERE user_id = $1 ORDER BY created_at`,
  notifications: `SELECT type, title, body, data, read_at, created_at
                  FROM notifications WHERE user_id = $1 ORDER BY position`,
  'webhook-endpoints': `SELECT id, url, event_types, description, enabled, scope, created_at
                        FROM webhook_endpoints WHERE user_id = $1 ORDER BY created_at`,
  'audit-events': `SELECT type,
                     CASE WHEN actor_id IS NULL OR actor_id = $1 THEN ip_address END AS ip_address,
                     CASE WHEN actor_id IS NULL OR actor_id = $1 THEN user_agent END AS user_agent, data, created_at
                   FROM audit_events WHERE user_id = $1 ORDER BY created_at`,
};

type Row = Record<string, string | number | boolean | object | null>;

/** Gathers a person's own data into a ZIP that holds every table as JSON and as CSV. */
@JobHandler(userExport)
export class UserExportHandler implements JobRunner<object> {
  constructor(
    private readonly db: DataSource,
    private readonly files: JobFilesService,
  ) {}

  async run(_input: object, ctx: JobContext): Promise<void> {
    const entries: Record<string, Uint8Array> = {};
    for (const [name, sql] of Object.entries(TABLES)) {
      ctx.signal.throwIfAborted();
      const rows = await this.db.query<Row[]>(sql, [ctx.job.userId]);
      if (name === 'profile' && rows.length === 0)
        throw new JobFailure('ACCOUNT_GONE', 'The account is gone.');
      entries[`${name}.json`] = strToU8(`${JSON.stringify(rows, null, 2)}\n`);
      entries[`${name}.csv`] = strToU8(toCsv(rows));
    }
    const zip = Buffer.from(zipSync(entries));
    await ctx.complete({ result: { files: Object.keys(entries).length } }, async (tx) => {
      const file = await this.files.create({ name: 'my-data.zip', mediaType: 'application/zip' }, tx);
      await this.files.append(file.id, zip, tx);
      return { resultFileId: file.id };
    });
  }
}

function toCsv(rows: Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  return [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))].map(csvLine).join('');
}

function cell(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
