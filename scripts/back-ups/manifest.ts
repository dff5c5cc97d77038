import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';

/** What a back-up contains. It is in a file next to the back-up, because the format of pg_dump has no place for it. */
export interface Manifest {
  /** `pg_dump`: its custom format. `rows`: the rows only, as SQL that is compressed with gzip. */
  format: 'pg_dump' | 'rows';
  /** A time just before the snapshot, by the clock of the database. All earlier commits are in the back-up. */
  takenAt: string;
  /** The major version of the server. */
  postgresVersion: number;
  /** The applied migrations, oldest first. */
  migrations: string[];
  /** The number of rows of each table. */
  rows: Record<string, number>;
}

export const manifestOf = (file: string): string => `${file}.json`;

export function writeManifest(file: string, manifest: Manifest): void {
  try {
    writeFileSync(manifestOf(file), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(`${manifestOf(file)} exists. Choose another file.`, { cause: error });
  }
}

export function readManifest(file: string): Manifest {
  for (const each of [file, manifestOf(file)]) {
    if (!existsSync(each))
      throw new UsageError(`${each} doesn't exist. A back-up is two files: <file> and <file>.json.`);
  }
  try {
    return JSON.parse(readFileSync(manifestOf(file), 'utf8')) as Manifest;
  } catch {
    throw new UsageError(`${manifestOf(file)} is not the manifest of a back-up. Copy it again.`);
  }
}
