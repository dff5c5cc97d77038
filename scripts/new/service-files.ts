import { requiredReferences, serviceParts } from './reference-files.ts';
import { moduleOf } from './references.ts';
import { type Feature, lines, referencesIn, requiredIn, uniqueName } from './table-files.ts';

export function serviceFile(feature: Feature): string {
  const { names, fields } = feature;
  const { Singular, Plural, variable, pluralVariable, plural, singular, table } = names;
  const uniques = fields.filter(({ isUnique }) => isUnique);
  const isUnique = uniques.length > 0;
  const references = serviceParts(feature);
  const helpers = [...references.helpers, ...(isUnique ? ['violatedUniqueConstraint'] : [])];
  const onError = `${isUnique ? '.catch(rejectDuplicate)' : ''}${references.onError}`;
  const constraints = uniques.map((field) => `'${uniqueName(names, field)}'`);
  const [constraint] = constraints;
  const isDuplicate =
    constraints.length > 1
      ? `[${constraints.join(', ')}].includes(violatedUniqueConstraint(error) ?? '')`
      : `violatedUniqueConstraint(error) === ${constraint}`;
  return `
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import type { ${[...references.types, 'Repository'].join(', ')} } from 'typeorm';
${helpers.length > 0 ? `import { ${helpers.join(', ')} } from '../platform/database/postgres-errors.ts';` : ''}
${references.imports}
import { assertVersion } from '../platform/http/etag.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import type { Principal } from '../platform/security/principal.ts';
import { ${Singular} } from './${singular}.entity.ts';
${isUnique ? `import { ${Singular}ExistsError } from './${plural}.errors.ts';` : ''}
import { ${variable}Policy } from './${plural}.policy.ts';
import type { Create${Singular}, ${Plural}Query, Update${Singular} } from './${plural}.schemas.ts';

@Injectable()
export class ${Plural}Service {
  constructor(
    @InjectRepository(${Singular}) private readonly ${pluralVariable}: Repository<${Singular}>,
    private readonly paginator: Paginator,
  ) {}

  list(page: ${Plural}Query, caller: Principal) {
    const rows = ${variable}Policy.filter(this.${pluralVariable}.createQueryBuilder('${table}'), 'read', caller);
    return this.paginator.page(rows, { list: '${plural}', page, filters: {} });
  }

  get(id: string, caller: Principal): Promise<${Singular}> {
    return ${variable}Policy.get('read', id, caller, this.${pluralVariable}.manager);
  }

  async create(
    fields: Create${Singular},
    ${references.caller}: Principal,
    manager = this.${pluralVariable}.manager,
  ): Promise<${Singular}> {
    const id = randomUUIDv7();
    return manager.transaction(async (tx) => {${references.assertVisible('fields')}
      await tx.insert(${Singular}, { ...fields, id, ${references.userId} });
      return tx.findOneByOrFail(${Singular}, { id });
    })${onError};
  }

  /** Locks the row, so that two clients with the same version can't both change it. */
  async update(
    id: string,
    changes: Update${Singular},
    expectedVersion: number | undefined,
    caller: Principal,
  ): Promise<${Singular}> {
    return this.${pluralVariable}.manager.transaction(async (tx) => {
      assertVersion(await ${variable}Policy.lock('update', id, caller, tx), expectedVersion);${references.assertVisible('changes')}
      await tx.update(${Singular}, { id }, { ...changes, version: () => 'version + 1' });
      return tx.findOneByOrFail(${Singular}, { id });
    })${onError};
  }

  async delete(id: string, expectedVersion: number | undefined, caller: Principal): Promise<void> {
    await this.${pluralVariable}.manager.transaction(async (tx) => {
      assertVersion(await ${variable}Policy.lock('delete', id, caller, tx), expectedVersion);
      await tx.delete(${Singular}, { id });
    });
  }
}
${
  isUnique
    ? `
/** The unique constraint resolves the race of two parallel requests. A look-up before the insert would not. */
function rejectDuplicate(error: unknown): never {
  if (${isDuplicate}) throw new ${Singular}ExistsError();
  throw error;
}
`
    : ''
}
${references.functions}`;
}

export const policyFile = ({ names: { Singular, variable, singular, words } }: Feature): string => `
import { definePolicy } from '../platform/security/policy.ts';
import { ${Singular} } from './${singular}.entity.ts';

/** The ${words} of other users do not exist for the caller: 404. */
export const ${variable}Policy = definePolicy(${Singular}, {
  relations: { owner: ({ userId }) => ({ userId }) },
  actions: { read: ['owner'], update: ['owner'], delete: ['owner'] },
});
`;

export function moduleFile({ names, fields }: Feature): string {
  const all = referencesIn(fields).flatMap(({ references }) => moduleOf(references) ?? []);
  const modules = [...new Map(all.map((module) => [module.name, module])).values()];
  return `
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { ${names.Singular} } from './${names.singular}.entity.ts';
import { ${names.Plural}Service } from './${names.plural}.service.ts';
${lines(modules, ({ name, path }) => `import { ${name} } from '${path}';`)}

@Module({
  imports: [
${lines(modules, ({ name }) => `    ${name},`)}
    TypeOrmModule.forFeature([${names.Singular}]),
    // What an export contains, and what a deletion of the account erases.
    PersonalDataModule.forFeature([
      {
        table: '${names.table}',
        exported: {
          file: '${names.plural}',
          columns: '${[...fields.map(({ column }) => column), 'created_at', 'updated_at'].join(', ')}',
          where: 'user_id = $1',
        },
        erased: 'cascade',
      },
    ]),
  ],
  providers: [${names.Plural}Service],
  exports: [${names.Plural}Service],
})
export class ${names.Plural}Module {}
`;
}

/** A class that the HTTP module provides, and its file. */
export interface Provider {
  name: string;
  path: string;
}

export function httpModuleFile({ names: { Plural, plural } }: Feature, providers: Provider[]): string {
  const names = providers.map(({ name }) => name).join(', ');
  return `
import { Module } from '@nestjs/common';
import { ${Plural}Controller } from './${plural}.controller.ts';
import { ${Plural}Module } from './${plural}.module.ts';
${lines(providers, ({ name, path }) => `import { ${name} } from '${path}';`)}

@Module({ imports: [${Plural}Module], controllers: [${Plural}Controller]${names && `, providers: [${names}]`} })
export class ${Plural}HttpModule {}
`;
}

export function factoryFile(feature: Feature): string {
  const { names, fields: all } = feature;
  const { Singular, variable, plural, aWord, word } = names;
  const required = requiredIn(all);
  const fields = all.filter((field) => !required.some(({ name }) => name === field.name));
  const factories = new Map(
    required.flatMap(({ references: { factory } }) => (factory ? [[factory.name, factory.file]] : [])),
  );
  const values = required.length > 0 ? `{ ...(await ${variable}References(owner)), ...fields }` : 'fields';
  const usesRandom = fields.some(({ counted }) => counted.includes('randomUUID'));
  const usesCount = fields.some(({ counted }) => counted.includes('count'));
  return `
${usesRandom ? `import { randomUUID } from 'node:crypto';` : ''}
import type { SignedIn } from '../support/client.ts';
${lines([...factories], ([factory, file]) => `import { ${factory} } from './${file}';`)}
${usesCount ? '\nlet count = 0;\n' : ''}
${requiredReferences(feature)}
/** A valid body${required.length > 0 ? ' if `fields` has the references' : ''}${usesCount || usesRandom ? ', different in each call' : ''}. */
export function new${Singular}(fields: object = {}) {
  ${usesCount ? 'count += 1;' : ''}
  return {
${lines(fields, ({ name, counted }) => `    ${name}: ${counted},`)}
    ...fields,
  };
}

/** Creates ${aWord} through the API. */
export async function create${Singular}(owner: SignedIn, fields: object = {}): Promise<{ id: string }> {
  const { status, text, body } = await owner.post('/v1/${plural}', new${Singular}(${values}));
  if (status !== 201) throw new Error(\`Creating the ${word} failed: \${status} \${text}\`);
  return (body as { data: { id: string } }).data;
}
`;
}
