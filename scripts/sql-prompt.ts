import { createInterface } from 'node:readline/promises';
import pg from 'pg';

const HELP = `A statement ends with a semicolon. \\dt lists the tables, \\d <table> its columns, \\q exits.`;

const COMMANDS: Record<string, string> = {
  '\\dt': `SELECT tablename AS table FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  '\\d': `SELECT column_name AS column, data_type AS type, is_nullable AS nullable FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`,
};

/** A prompt for SQL on a machine without psql. With `-c <sql>` it runs one statement. Resolves to the exit code. */
export async function runSqlPrompt(url: string, args: string[]): Promise<number> {
  const [option, sql] = args;
  const client = new pg.Client({ connectionString: url });
  // The server may stop while the prompt waits. The next statement reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    if (option === '-c') return await failuresOf(client, sql ?? '');
    return await readStatements(client);
  } finally {
    await client.end();
  }
}

/** Exits with 1 if a statement from a file or pipe failed, as scripts expect. */
async function readStatements(client: pg.Client): Promise<number> {
  const { stdin, stdout } = process;
  const output = stdin.isTTY ? stdout : undefined;
  const terminal = createInterface({ input: stdin, output, prompt: 'sql> ' });
  terminal.on('SIGINT', () => terminal.close());
  if (stdin.isTTY) console.log(`psql is not installed, so this is a small prompt. ${HELP}`);
  terminal.prompt();
  let failures = 0;
  let statement = '';
  for await (const line of terminal) {
    if (line.trim() === '\\q') break;
    statement += `${line}\n`;
    if (isComplete(statement)) {
      failures += await failuresOf(client, statement);
      statement = '';
    }
    terminal.setPrompt(statement.trim() ? '  -> ' : 'sql> ');
    terminal.prompt();
  }
  failures += await failuresOf(client, statement);
  terminal.close();
  return failures > 0 && !stdin.isTTY ? 1 : 0;
}

const isComplete = (text: string): boolean => /^$|^\\|;$/.test(text.trim());

/** 0, or 1 if the statement failed. Prints its rows or its error. */
async function failuresOf(client: pg.Client, text: string): Promise<number> {
  const statement = text.trim();
  try {
    if (statement.startsWith('\\')) await runCommand(client, statement.replace(/;$/, ''));
    // Several statements in one line have several results.
    else if (statement) [await client.query(statement)].flat().forEach(printResult);
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

async function runCommand(client: pg.Client, text: string): Promise<void> {
  const [command = '', ...parameters] = text.split(/\s+/);
  const sql = COMMANDS[command];
  if (sql) printResult(await client.query(sql, parameters));
  else console.log(HELP);
}

function printResult({ rows, rowCount }: pg.QueryResult): void {
  if (rows.length > 0) console.table(rows);
  console.log(`${rowCount ?? 0} rows`);
}
