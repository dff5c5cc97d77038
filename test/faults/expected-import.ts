import { randomBytes } from 'node:crypto';
import type { System } from '../support/system.ts';
import { times } from '../support/until.ts';

/** The expected result of an import, one entry per line of the file. */
export class ExpectedImport {
  readonly csv: string;
  private readonly prefix = `import-${randomBytes(4).toString('hex')}-`;
  private readonly faulty: number[];
  private readonly accounts: string[];

  /** Every hundredth line is invalid. */
  constructor(readonly lines: number) {
    const numbers = times(lines, (n) => n + 2);
    this.faulty = numbers.filter((line) => line % 100 === 0);
    this.accounts = numbers.filter((line) => line % 100 !== 0).map((line) => this.email(line));
    const rows = numbers.map((line) =>
      line % 100 === 0 ? 'not-an-address,X' : `${this.email(line)},Name ${line}`,
    );
    this.csv = `email,displayName\n${rows.join('\n')}\n`;
  }

  /** Compares with the database and the report. Returns the differences; empty if there are none. */
  async differences(system: System, jobId: string): Promise<typeof NO_DIFFERENCES> {
    const { rows } = await system.db.query<{ email: string }>(
      'SELECT email FROM users WHERE starts_with(email, $1)',
      [this.prefix],
    );
    const found = rows.map(({ email }) => email);
    const report = await (await system.request('GET', `/v1/jobs/${jobId}/result`)).text();
    const reported = report
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => Number(row.split(',')[0]));
    return {
      lost: this.accounts.length - new Set(found).size,
      doubled: found.length - new Set(found).size,
      unreported: this.faulty.filter((line) => !reported.includes(line)).length,
      reportedInVain: reported.length - this.faulty.length,
    };
  }

  get counts() {
    return { imported: this.accounts.length, failed: this.faulty.length };
  }

  private email(line: number): string {
    return `${this.prefix}${line}@example.com`;
  }
}

export const NO_DIFFERENCES = { lost: 0, doubled: 0, unreported: 0, reportedInVain: 0 };
