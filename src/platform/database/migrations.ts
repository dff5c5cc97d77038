import { readdirSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { MigrationInterface } from 'typeorm';

export interface MigrationClass {
  new (): MigrationInterface;
  /** Written by a generator and not reviewed yet. Only tests apply it. */
  readonly isDraft?: boolean;
}

/** The folder of the sources in tests and scripts, or of the build in production. */
const FOLDER = new URL('../../../migrations/', import.meta.url);
const FILE_NAME = /^(\d{13})-[a-z0-9-]+\.[jt]s$/;

/** The migrations in a folder, oldest first. Each file exports one class. */
export async function loadMigrations(folder: URL): Promise<MigrationClass[]> {
  const files = readdirSync(folder).filter((name) => ['.js', '.ts'].includes(extname(name)));
  return Promise.all(files.toSorted().map((file) => loadMigration(new URL(file, folder))));
}

async function loadMigration(url: URL): Promise<MigrationClass> {
  const file = `migrations/${basename(url.pathname)}`;
  const stamp = FILE_NAME.exec(basename(url.pathname))?.[1];
  if (!stamp) {
    throw new Error(`${file}: name the file <milliseconds>-<what-it-does>.ts, in lower case.`);
  }
  const classes = Object.values((await import(url.href)) as Record<string, MigrationClass>);
  const [migration] = classes;
  if (classes.length !== 1 || !migration?.name.endsWith(stamp)) {
    throw new Error(`${file}: export one class whose name ends in ${stamp}.`);
  }
  return migration;
}

export const migrations = await loadMigrations(FOLDER);
