import { changedField, enumValues, type Field } from './fields.ts';
import { type Feature, lines } from './table-files.ts';

const IMPORTABLE = ['dateSchema', 'storedInstantSchema', 'text'];

export function schemasFile({ names, fields }: Feature): string {
  const { Singular, Plural, variable, pluralVariable, aWord, singular, word } = names;
  const helpers = IMPORTABLE.filter((helper) => fields.some(({ request }) => request.startsWith(helper)));
  const enums = fields.filter(({ values }) => values);
  const optional = fields.filter(({ isOptional }) => isOptional);
  const title = `${aWord.charAt(0).toUpperCase()}${aWord.slice(1)}`;
  const changed = changedField(fields);
  const nullable = ({ isOptional }: Field) => (isOptional ? '.nullable()' : '');
  return `
import { z } from 'zod';
import { ${['idSchema', 'pageQuery', 'timestampSchema', ...helpers].toSorted().join(', ')} } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
${enums.length > 0 ? `import { ${enums.map(({ name }) => enumValues(name, Singular)).join(', ')} } from './${singular}.entity.ts';` : ''}

const example = {
${lines(fields, (field) => `  ${field.name}: ${field.example},`)}
};

export const ${variable}Schema = z
  .object({
    id: z.string(),
${lines(fields, (field) => `    ${field.name}: ${field.response}${nullable(field)},`)}
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: '${Singular}' })
  .register(examples, {
    '${title}': { id: sample.id, ...example, createdAt: sample.earlier, updatedAt: sample.earlier },
  });

/** What a client may write. */
const fields = {
${lines(fields, (field) => `  ${field.name}: ${field.request}${nullable(field)},`)}
};

export const create${Singular}Schema = z
  .strictObject(${optional.length > 0 ? `{ ...fields, ${optional.map(({ name }) => `${name}: fields.${name}.default(null)`).join(', ')} }` : 'fields'})
  .meta({ id: 'Create${Singular}' })
  .register(examples, { '${title}': example });
export type Create${Singular} = z.output<typeof create${Singular}Schema>;

export const update${Singular}Schema = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'Update${Singular}' })
  .register(examples, { 'Part of the ${word}': { ${changed.name}: ${changed.other} } });
export type Update${Singular} = z.output<typeof update${Singular}Schema>;

export const ${pluralVariable}QuerySchema = pageQuery(['createdAt'], {});
export type ${Plural}Query = z.output<typeof ${pluralVariable}QuerySchema>;

export const ${variable}IdSchema = idSchema;
`;
}

/** Without a unique field there are no files: the errors of the platform are enough. `de` is the German file. */
export function errorsFiles({ names, fields }: Feature): { errors?: string; de?: string } {
  const uniques = fields.filter(({ isUnique }) => isUnique);
  if (uniques.length === 0) return {};
  const { Singular, plural, code, aWord, word } = names;
  const columns = uniques.map(({ column }) => column.replaceAll('_', ' '));
  const errors = `
import { problemsIn } from '../platform/errors/app-error.ts';
import { problems as de } from './${plural}.de.ts';

const defineProblem = problemsIn({ de });

export class ${Singular}ExistsError extends defineProblem(
  409,
  '${code}_EXISTS',
  '${word.charAt(0).toUpperCase()}${word.slice(1)} exists',
  'You already have ${aWord} with this ${columns.join(' or ')}.',
) {}
`;
  // cspell:disable
  const de = `
export const problems = {
  ${code}_EXISTS: {
    title: 'Schon vorhanden',
    detail: 'Sie verwenden diesen Wert schon: ${columns.join(' oder ')}. Wählen Sie einen anderen.',
  },
};
`;
  // cspell:enable
  return { errors, de };
}

export function controllerFile({ names, fields }: Feature): string {
  const { Singular, Plural, variable, pluralVariable, plural, words, word, aWord, code } = names;
  const isUnique = fields.some((field) => field.isUnique);
  const hasReferences = fields.some((field) => field.references);
  const errors = isUnique ? `\n    errors: [${Singular}ExistsError],` : '';
  const createErrors = [
    ...(isUnique ? [`${Singular}ExistsError`] : []),
    ...(hasReferences ? ['NotFoundError'] : []),
  ];
  const once = isUnique ? ` A duplicate is rejected with 409 \`${code}_EXISTS\`.` : '';
  const known = hasReferences
    ? ' A reference that does not exist, or is hidden from the user, is rejected with 404.'
    : '';
  return `
import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
${hasReferences ? `import { NotFoundError } from '../platform/errors/platform.errors.ts';` : ''}
import { ExpectedVersion, setEtag } from '../platform/http/etag.ts';
import { item, page } from '../platform/http/schemas.ts';
import { IdempotentTransaction, type RequestTransaction } from '../platform/idempotency/idempotency.interceptor.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
${isUnique ? `import { ${Singular}ExistsError } from './${plural}.errors.ts';` : ''}
import {
  type Create${Singular},
  create${Singular}Schema,
  type Update${Singular},
  update${Singular}Schema,
  ${variable}IdSchema,
  ${variable}Schema,
  type ${Plural}Query,
  ${pluralVariable}QuerySchema,
} from './${plural}.schemas.ts';
import { ${Plural}Service } from './${plural}.service.ts';

const ID = { schema: ${variable}IdSchema };

@Tag('${words.charAt(0).toUpperCase()}${words.slice(1)}', 'The ${words} of the signed-in user.')
@Controller({ path: '${plural}', version: '1' })
export class ${Plural}Controller {
  constructor(private readonly ${pluralVariable}: ${Plural}Service) {}

  @Get()
  @Endpoint({
    summary: 'List ${words}',
    description: 'Your own ${words}, newest first.',
    returns: page(${variable}Schema),
  })
  list${Plural}(@Query({ schema: ${pluralVariable}QuerySchema }) query: ${Plural}Query, @CurrentUser() caller: Principal) {
    return this.${pluralVariable}.list(query, caller);
  }

  @Post()
  @Endpoint({
    summary: 'Create ${aWord}',
    description: 'The ${word} belongs to the signed-in user.${once}${known}',
    status: 201,
    returns: item(${variable}Schema),
    location: 'The path of the ${word}.',${createErrors.length > 0 ? `\n    errors: [${createErrors.join(', ')}],` : ''}
    idempotent: true,
  })
  async create${Singular}(
    @Body({ schema: create${Singular}Schema }) body: Create${Singular},
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
    @IdempotentTransaction() tx?: RequestTransaction,
  ) {
    const ${variable} = await this.${pluralVariable}.create(body, caller, tx);
    setEtag(reply, ${variable}.version);
    void reply.header('location', \`/v1/${plural}/\${${variable}.id}\`);
    return { data: ${variable} };
  }

  @Get(':id')
  @Endpoint({
    summary: 'Get ${aWord}',
    description: 'The \`ETag\` header is the version, for \`If-Match\` in an update.',
    returns: item(${variable}Schema),
    versioned: true,
  })
  async get${Singular}(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const ${variable} = await this.${pluralVariable}.get(id, caller);
    setEtag(reply, ${variable}.version);
    return { data: ${variable} };
  }

  @Patch(':id')
  @Endpoint({
    summary: 'Update ${aWord}',
    description: 'Changes only the given properties. With \`If-Match\`, only if the ${word} still has that version.',
    returns: item(${variable}Schema),${errors}
    versioned: true,
  })
  async update${Singular}(
    @Param('id', ID) id: string,
    @Body({ schema: update${Singular}Schema }) body: Update${Singular},
    @ExpectedVersion() version: number | undefined,
    @CurrentUser() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const ${variable} = await this.${pluralVariable}.update(id, body, version, caller);
    setEtag(reply, ${variable}.version);
    return { data: ${variable} };
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Delete ${aWord}',
    description: 'A second request gets 404.',
    versioned: true,
  })
  async delete${Singular}(
    @Param('id', ID) id: string,
    @CurrentUser() caller: Principal,
    @ExpectedVersion() version: number | undefined,
  ) {
    await this.${pluralVariable}.delete(id, version, caller);
  }
}
`;
}
