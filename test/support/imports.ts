import { untilJob } from '../factories/job.factory.ts';
import type { TestApp } from './app.ts';
import type { SignedIn } from './client.ts';

/** Uploads the file unchanged. */
export const upload = (admin: SignedIn, csv: string | Buffer, type = 'text/csv') =>
  admin.post('/v1/users/imports').set('content-type', type).send(csv);

/** Uploads the file. Returns the id of the job. */
export async function startImport(admin: SignedIn, csv: string | Buffer): Promise<string> {
  const answer = await upload(admin, csv);
  if (answer.status !== 202) throw new Error(`The import was rejected: ${answer.text}`);
  return answer.body.data.id;
}

export async function reportOf(admin: SignedIn, jobId: string): Promise<string[]> {
  const answer = await admin.get(`/v1/jobs/${jobId}/result`);
  return answer.text.split('\n').slice(0, -1);
}

/** Imports the file. Returns the counts and the report lines without the header. */
export async function importFile(app: TestApp, admin: SignedIn, csv: string | Buffer) {
  const id = await startImport(admin, csv);
  const { status, result } = await untilJob(app, id, 'completed', 'failed');
  const [, ...rejected] = await reportOf(admin, id);
  return { status, result, rejected };
}

export const countFiles = async (app: TestApp): Promise<number> =>
  Number((await app.db.query('SELECT count(*) FROM job_files'))[0].count);

/** Number of accounts per email: `{ 'a@example.com': 1 }`. */
export async function accountsOf(app: TestApp, prefix: string): Promise<Record<string, number>> {
  const rows = await app.db.query<{ email: string; count: string }[]>(
    'SELECT email, count(*) FROM users WHERE starts_with(email, $1) GROUP BY email',
    [prefix],
  );
  return Object.fromEntries(rows.map(({ email, count }) => [email, Number(count)]));
}
