import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { camel, pascal } from './names.ts';

/** A feature to which a generator adds something. */
export interface ExistingFeature {
  /** `invoices` */
  folder: string;
  /** `Invoices`: start of its classes. */
  Plural: string;
  /** The entity that its users own, if the feature was written by `npm run new:feature`. */
  resource?: { singular: string; Singular: string; variable: string; word: string };
}

/** The start of the paths of a feature's files. */
export const sourceOf = ({ folder }: ExistingFeature): string => `src/${folder}/${folder}`;

export function findFeature(folder: string): ExistingFeature {
  if (!/^[a-z0-9-]+$/.test(folder) || !existsSync(`src/${folder}/${folder}.module.ts`)) {
    const features = globSync('src/!(platform)/*.module.ts').filter((path) =>
      path.endsWith(featureModule(path)),
    );
    const names = features.map((path) => basename(path, '.module.ts')).toSorted();
    throw new UsageError(`There is no feature ${folder}. Features: ${names.join(', ')}.`);
  }
  const resource = findResource(folder);
  return { folder, Plural: pascal(folder), ...(resource && { resource }) };
}

const featureModule = (path: string): string => `/${path.split('/')[1]}.module.ts`;

/** Finds the entity whose factory creates one for an owner, as `npm run new:feature` writes it. */
function findResource(folder: string): ExistingFeature['resource'] {
  const singulars = globSync(`src/${folder}/*.entity.ts`).map((path) => basename(path, '.entity.ts'));
  const singular = singulars.find((name) => {
    const factory = `test/factories/${name}.factory.ts`;
    return (
      existsSync(factory) && readFileSync(factory, 'utf8').includes(`create${pascal(name)}(owner: SignedIn`)
    );
  });
  if (singular === undefined) return undefined;
  return {
    singular,
    Singular: pascal(singular),
    variable: camel(singular),
    word: singular.replaceAll('-', ' '),
  };
}

/** Throws if a source file contains the text. */
export function assertNowhere(text: string, what: string): void {
  const found = globSync('src/**/*.ts').find((path) => readFileSync(path, 'utf8').includes(text));
  if (found) throw new UsageError(`${what} exists in ${found}: choose another name.`);
}
