import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, IsNull } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { JobFilesService } from '../../jobs/job-files.service.ts';
import {
  type JobContext,
  UnrecoverableJobError,
  JobHandler,
  type JobRunner,
} from '../../jobs/job-handler.ts';
import { columnsOf } from '../../platform/database/many-rows.ts';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { Roles } from '../../platform/security/permissions.ts';
import { csvLine } from '../csv-line.ts';
import { User } from '../user.entity.ts';
import { roleChanged } from '../users.audit.ts';
import { userCreated } from '../users.events.ts';
import { userImport } from '../users.jobs.ts';
import { usersChangeRole, usersImport } from '../users.permissions.ts';
import { type ImportLine, importLineSchema } from '../users.schemas.ts';
import { UsersService } from '../users.service.ts';
import { csvRecords, type CsvRecord, type ImportColumn, readHeader, textLines } from './import-csv.ts';

const BATCH_LINES = 500;
const DEFAULT_ROLE = 'user';

interface Progress extends Record<string, unknown> {
  /** The last line whose batch is committed. */
  line: number;
  imported: number;
  failed: number;
  reportFileId: string;
}

interface Batch {
  batch: CsvRecord[];
  columns: Map<ImportColumn, number>;
}

interface ValidatedBatch {
  lastLine: number;
  lines: (ImportLine & { line: number })[];
  invalid: RejectedLine[];
}

interface RejectedLine {
  line: number;
  email: string;
  code: keyof typeof MESSAGES;
}

const MESSAGES = {
  EMAIL_INVALID: 'This is not a valid email.',
  EMAIL_DUPLICATE: 'An earlier line of the file has the same email.',
  EMAIL_TAKEN: 'An account with this email exists.',
  DISPLAY_NAME_INVALID: 'The name must be one line of 1 to 100 characters.',
  ROLE_INVALID: 'There is no role with this name.',
  ROLE_NOT_ALLOWED: 'The owner of the import may not give this role.',
  MALFORMED: 'The line has broken quotes or another number of columns than the header.',
};

const CODE_OF_COLUMN = {
  email: 'EMAIL_INVALID',
  displayName: 'DISPLAY_NAME_INVALID',
  role: 'ROLE_INVALID',
} as const;

/**
 * Imports the file in batches. One transaction under the job's lease commits the accounts, the report and the progress
 * of a batch. A retry continues after the last batch, so no line is imported twice.
 */
@JobHandler(userImport)
export class UserImportHandler implements JobRunner<object> {
  constructor(
    private readonly users: UsersService,
    private readonly files: JobFilesService,
    private readonly events: DomainEvents,
    private readonly audit: AuditService,
    private readonly roles: Roles,
  ) {}

  async run(_input: object, ctx: JobContext): Promise<void> {
    const file = ctx.job.inputFileId && (await this.files.find(ctx.job.inputFileId));
    if (!file) throw new UnrecoverableJobError('FILE_MISSING', 'The file of this import was removed.');
    let progress = (ctx.job.checkpoint as Progress | null) ?? (await this.createReport(ctx));
    let bytesRead = 0;
    const counted = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytesRead += chunk.length;
        yield chunk;
      }
    };
    const records = csvRecords(textLines(counted(this.files.read(file))));
    const columns = await readColumns(records);
    for await (const batch of inBatches(records, progress.line)) {
      ctx.signal.throwIfAborted();
      progress = await this.importBatch({ batch, columns }, progress, ctx);
      await ctx.progress((100 * bytesRead) / file.size);
    }
    const { imported, failed, reportFileId } = progress;
    await ctx.complete({ result: { imported, failed }, resultFileId: reportFileId });
  }

  /** Creates the report, to which every batch appends. It is removed together with the job. */
  private createReport(ctx: JobContext): Promise<Progress> {
    return ctx.transaction(async (tx) => {
      const report = await this.files.create(
        { name: 'import-report.csv', mediaType: 'text/csv; charset=utf-8' },
        tx,
      );
      await this.files.append(report.id, Buffer.from(csvLine(['line', 'email', 'code', 'message'])), tx);
      const progress = { line: 1, imported: 0, failed: 0, reportFileId: report.id };
      await ctx.checkpoint({ ...progress, resultFileId: report.id }, tx);
      return progress;
    });
  }

  /** Resolves to the new progress. Changes nothing outside of the transaction, which may run again after a deadlock. */
  private importBatch({ batch, columns }: Batch, progress: Progress, ctx: JobContext): Promise<Progress> {
    return ctx.transaction(async (tx) => {
      // Checked for every batch, because the user who started the import may lose the permission at any time.
      const giver = await this.roleOfOwner(ctx.job.userId, tx);
      const { lastLine, lines, invalid } = validateLines(batch, columns, (role) =>
        this.roleFault(role, giver),
      );
      const inserted = await insertUsers(lines, ctx.job.id, tx);
      await this.publishCreated(inserted, ctx.job, tx);
      const existing = await findExistingEmails(lines, inserted, ctx.job.id, tx);
      const rejected = [...invalid, ...existing].toSorted((a, b) => a.line - b.line);
      const report = rejected
        .map(({ line, email, code }) => csvLine([line, email, code, MESSAGES[code]]))
        .join('');
      await this.files.append(progress.reportFileId, Buffer.from(report), tx);
      const imported = progress.imported + inserted.length;
      const failed = progress.failed + rejected.length;
      const next = { ...progress, line: lastLine, imported, failed };
      await ctx.checkpoint({ ...next, result: { imported, failed } }, tx);
      return next;
    });
  }

  private async roleOfOwner(userId: string | null, tx: EntityManager): Promise<string> {
    const active = { status: 'active', deletedAt: IsNull() } as const;
    const owner = userId && (await tx.findOneBy(User, { id: userId, ...active }));
    if (!owner || !this.roles.permissionsOf(owner.role).has(usersImport))
      throw new UnrecoverableJobError('NOT_ALLOWED', 'The owner of the import may not import accounts.');
    return owner.role;
  }

  /** The same rules as for a change of the role through the API. */
  private roleFault(role: string, giver: string): RejectedLine['code'] | undefined {
    if (!this.roles.find(role)) return 'ROLE_INVALID';
    if (role === DEFAULT_ROLE) return undefined;
    const mayChangeRoles = this.roles.permissionsOf(giver).has(usersChangeRole);
    return mayChangeRoles && this.roles.includes(giver, role) ? undefined : 'ROLE_NOT_ALLOWED';
  }

  private async publishCreated(users: User[], job: JobContext['job'], tx: EntityManager): Promise<void> {
    const occurrences = users.map((user) => ({ userId: user.id, data: this.users.view(user) }));
    await this.events.emitAll(userCreated, occurrences, tx);
    for (const { id, role } of users.filter((user) => user.role !== DEFAULT_ROLE)) {
      const data = { from: null, to: role, importedBy: job.userId, jobId: job.id };
      await this.audit.record({ type: roleChanged, userId: id, data }, tx);
    }
  }
}

async function readColumns(records: AsyncGenerator<CsvRecord>): Promise<Map<ImportColumn, number>> {
  const header = await records.next();
  // The header was checked before the job started. This fails only if the file has changed since.
  return readHeader((header.value as CsvRecord | undefined)?.fields?.join(',') ?? '');
}

async function* inBatches(records: AsyncIterable<CsvRecord>, afterLine: number): AsyncGenerator<CsvRecord[]> {
  let batch: CsvRecord[] = [];
  for await (const record of records) {
    if (record.line <= afterLine) continue;
    batch.push(record);
    if (batch.length < BATCH_LINES) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Separates valid lines from invalid ones, without the database. */
function validateLines(
  batch: CsvRecord[],
  columns: Map<ImportColumn, number>,
  roleFault: (role: string) => RejectedLine['code'] | undefined,
): ValidatedBatch {
  const lines = new Map<string, ImportLine & { line: number }>();
  const invalid: RejectedLine[] = [];
  for (const { line, fields } of batch) {
    const value = (column: ImportColumn) => fields?.[columns.get(column) ?? -1] ?? '';
    const email = value('email');
    if (fields?.length !== columns.size) {
      invalid.push({ line, email, code: 'MALFORMED' });
      continue;
    }
    const parsed = importLineSchema.safeParse({
      email,
      displayName: value('displayName'),
      role: value('role') || DEFAULT_ROLE,
    });
    const code = parsed.success
      ? roleFault(parsed.data.role)
      : CODE_OF_COLUMN[parsed.error.issues[0]?.path[0] as ImportColumn];
    if (!parsed.success || code) {
      invalid.push({ line, email, code: code! });
    } else if (lines.has(parsed.data.email)) {
      invalid.push({ line, email, code: 'EMAIL_DUPLICATE' });
    } else {
      lines.set(parsed.data.email, { ...parsed.data, line });
    }
  }
  return { lastLine: batch.at(-1)!.line, lines: [...lines.values()], invalid };
}

/** Resolves to the inserted accounts: the unique constraint decides. Sorted, so that two imports can't deadlock. */
function insertUsers(lines: ImportLine[], jobId: string, tx: EntityManager): Promise<User[]> {
  const sorted = lines.toSorted((a, b) => (a.email < b.email ? -1 : 1));
  return tx.query(
    `INSERT INTO users (id, email, display_name, role, imported_by_job_id)
     SELECT id, email, display_name, role, $5 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
       AS line (id, email, display_name, role)
     ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING
     RETURNING ${columnsOf(User, tx)}`,
    [
      sorted.map(() => randomUUIDv7()),
      sorted.map(({ email }) => email),
      sorted.map(({ displayName }) => displayName),
      sorted.map(({ role }) => role),
      jobId,
    ],
  );
}

async function findExistingEmails(
  lines: (ImportLine & { line: number })[],
  inserted: User[],
  jobId: string,
  tx: EntityManager,
): Promise<RejectedLine[]> {
  const insertedEmails = new Set(inserted.map(({ email }) => email));
  const notInserted = lines.filter(({ email }) => !insertedEmails.has(email));
  if (notInserted.length === 0) return [];
  const existing = await tx.query<{ email: string }[]>(
    `SELECT email FROM users WHERE email = ANY($1) AND imported_by_job_id = $2`,
    [notInserted.map(({ email }) => email), jobId],
  );
  const imported = new Set(existing.map(({ email }) => email));
  return notInserted.map(({ line, email }) => ({
    line,
    email,
    code: imported.has(email) ? 'EMAIL_DUPLICATE' : 'EMAIL_TAKEN',
  }));
}
