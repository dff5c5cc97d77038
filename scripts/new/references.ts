import { existsSync, globSync, readFileSync } from 'node:fs';
import { UsageError } from '../usage-error.ts';
import { pascal } from './names.ts';

/** The target of a reference. */
export interface Reference {
  table: string;
  Entity: string;
  /** Relative to a feature: `../users/user.entity.ts`. */
  entityFile: string;
  folder: string;
  /** Selects the rows that the caller may refer to. Accounts have no policy. */
  policy?: string;
  /** Creates a target for an owner in tests, if the feature was generated. */
  factory?: { name: string; file: string };
}

export function findReference(folder: string): Reference {
  const table = folder.replaceAll('-', '_');
  const declaration = new RegExp(`@Entity\\('${table}'\\)[\\s\\S]*?export class (\\w+)`);
  for (const path of globSync(`src/${folder}/*.entity.ts`)) {
    const [, Entity] = declaration.exec(readFileSync(path, 'utf8')) ?? [];
    if (!Entity) continue;
    const policy = policyOf(folder, Entity);
    const factory = factoryOf(path, Entity);
    const entityFile = path.replace(/^src/, '..');
    return { table, Entity, entityFile, folder, ...(policy && { policy }), ...(factory && { factory }) };
  }
  throw new UsageError(
    `No entity in src/${folder} has the table ${table}: a reference names a feature, such as users.`,
  );
}

function policyOf(folder: string, Entity: string): string | undefined {
  const path = `src/${folder}/${folder}.policy.ts`;
  if (!existsSync(path)) return undefined;
  return new RegExp(`export const (\\w+) = definePolicy\\(${Entity},`).exec(readFileSync(path, 'utf8'))?.[1];
}

function factoryOf(entityPath: string, Entity: string): Reference['factory'] {
  const file = entityPath.replace(/^.*\/(.*)\.entity\.ts$/, '$1.factory.ts');
  const path = `test/factories/${file}`;
  const isGenerated =
    existsSync(path) && readFileSync(path, 'utf8').includes(`create${Entity}(owner: SignedIn`);
  return isGenerated ? { name: `create${Entity}`, file } : undefined;
}

/** The module that provides the entity. The users are in every process. */
export const moduleOf = ({ folder }: Reference): { name: string; path: string } | undefined =>
  folder === 'users'
    ? undefined
    : { name: `${pascal(folder)}Module`, path: `../${folder}/${folder}.module.ts` };
