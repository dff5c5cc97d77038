/** The GraphQL part of a new feature. */
import { readFileSync } from 'node:fs';
import { changedField, enumValues, type Field } from './fields.ts';
import type { Names } from './names.ts';
import { newBody } from './reference-files.ts';
import type { Provider } from './service-files.ts';
import { type Feature, lines, requiredIn } from './table-files.ts';
import { changeOf, factoryNames, inTests } from './test-files.ts';

export function graphqlFile({ names, fields }: Feature): string {
  const { Singular, singular, words } = names;
  const enums = fields.filter(({ values }) => values);
  const imported = ['Field', 'GraphQLISODateTime', 'ID', 'InputType', 'ObjectType', 'PartialType'];
  if (fields.some(({ graphql }) => graphql === 'Int')) imported.push('Int');
  if (enums.length > 0) imported.push('registerEnumType');
  const write = ({ name, graphql, isOptional, typescript }: Field) => `
  @Field(() => ${graphql}${isOptional ? ', { nullable: true }' : ''})
  ${name}!: ${typescript}${isOptional ? ' | null' : ''};
`;
  const writeInput = (field: Field) => `
  @Field(() => ${inputType(field)}${field.isOptional ? ', { nullable: true }' : ''})
  ${field.name}${field.isOptional ? '?' : '!'}: ${inputTypescript(field)}${field.isOptional ? ' | null' : ''};
`;
  return `
import { ${imported.toSorted().join(', ')} } from '@nestjs/graphql';
import { connectionOf } from '../platform/graphql/connections.ts';
${lines(enums, ({ name, typescript }) => `import { type ${typescript}, ${enumValues(name, Singular)} } from './${singular}.entity.ts';`)}
${lines(
  enums,
  ({ name, typescript, graphql }) => `
const ${graphql} = Object.fromEntries(${enumValues(name, Singular)}.map((value) => [value, value]));
registerEnumType(${graphql}, { name: '${typescript}' });`,
)}

@ObjectType('${Singular}', { description: 'One of your ${words}.' })
export class ${Singular}Object {
  @Field(() => ID)
  id!: string;
${lines(fields, write)}
  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime)
  updatedAt!: Date;
}

@ObjectType()
export class ${Singular}Connection extends connectionOf(${Singular}Object, '${Singular}') {}

@InputType()
export class Create${Singular}Input {
${lines(fields, writeInput).trim()}
}

@InputType()
export class Update${Singular}Input extends PartialType(Create${Singular}Input) {}
`;
}

/** A time is text in an input, because the schema of the REST body parses it. */
const inputType = ({ graphql }: Field): string => (graphql === 'GraphQLISODateTime' ? 'String' : graphql);
const inputTypescript = ({ typescript }: Field): string => (typescript === 'Date' ? 'string' : typescript);

export function resolverFile({ names }: Feature): string {
  const { Singular, Plural, variable, pluralVariable, plural, words, word, aWord } = names;
  return `
import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PageArgs, pageQueryOf, toConnection } from '../platform/graphql/connections.ts';
import { IdPipe, InputPipe } from '../platform/graphql/schema.pipe.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { Create${Singular}Input, ${Singular}Connection, ${Singular}Object, Update${Singular}Input } from './${plural}.graphql.ts';
import {
  type Create${Singular},
  create${Singular}Schema,
  type Update${Singular},
  update${Singular}Schema,
  ${variable}IdSchema,
  ${pluralVariable}QuerySchema,
} from './${plural}.schemas.ts';
import { ${Plural}Service } from './${plural}.service.ts';

const ID_ARG = { type: () => ID };

@Resolver(() => ${Singular}Object)
export class ${Plural}Resolver {
  constructor(private readonly ${pluralVariable}: ${Plural}Service) {}

  @Query(() => ${Singular}Object, { nullable: true, description: 'One of your own ${words}.' })
  ${variable}(
    @Args('id', ID_ARG, new IdPipe(${variable}IdSchema)) id: string,
    @CurrentUser() caller: Principal,
  ) {
    return this.${pluralVariable}.get(id, caller);
  }

  @Query(() => ${Singular}Connection, {
    name: '${pluralVariable}',
    description: 'Your own ${words}. Sorts: \`createdAt\`.',
  })
  async list${Plural}(@Args() args: PageArgs, @CurrentUser() caller: Principal) {
    const page = await this.${pluralVariable}.list(pageQueryOf(${pluralVariable}QuerySchema, args), caller);
    return toConnection(page, args, (${variable}) => ${variable});
  }

  @Mutation(() => ${Singular}Object, { description: 'Creates ${aWord} of yours.' })
  create${Singular}(
    @Args('input', { type: () => Create${Singular}Input }, new InputPipe(create${Singular}Schema)) input: Create${Singular},
    @CurrentUser() caller: Principal,
  ) {
    return this.${pluralVariable}.create(input, caller);
  }

  @Mutation(() => ${Singular}Object, { description: 'Changes only the given fields.' })
  update${Singular}(
    @Args('id', ID_ARG, new IdPipe(${variable}IdSchema)) id: string,
    @Args('input', { type: () => Update${Singular}Input }, new InputPipe(update${Singular}Schema)) input: Update${Singular},
    @CurrentUser() caller: Principal,
  ) {
    return this.${pluralVariable}.update(id, input, undefined, caller);
  }

  @Mutation(() => ID, { description: 'Deletes the ${word}. Returns its id.' })
  async delete${Singular}(
    @Args('id', ID_ARG, new IdPipe(${variable}IdSchema)) id: string,
    @CurrentUser() caller: Principal,
  ) {
    await this.${pluralVariable}.delete(id, undefined, caller);
    return id;
  }
}
`;
}

export const graphqlProvider = ({ names: { Plural, plural } }: Feature): Provider => ({
  name: `${Plural}Resolver`,
  path: `./${plural}.resolver.ts`,
});

/** A literal of a schema or a test, in a GraphQL document. */
function inDocument(literal: string): string {
  const text = inTests(literal);
  if (text.endsWith(' as const') || !text.startsWith("'"))
    return text.replaceAll(/'| as const|(?<=\d)_(?=\d)/g, '');
  return JSON.stringify(text.slice(1, -1));
}

export function graphqlMatrixFile({ names, fields }: Feature): string {
  const { Singular, variable, pluralVariable, plural } = names;
  const changed = changedField(fields);
  const other = changed.values ? changed.other.replaceAll("'", '') : inDocument(changed.other);
  const required = requiredIn(fields);
  const isRequired = (field: Field) => required.some(({ name }) => name === field.name);
  const input = fields
    .map((field) => `${field.name}: ${isRequired(field) ? `$${field.name}` : inDocument(field.example)}`)
    .join(', ');
  const variables = required.map(({ name }) => `$${name}: ID!`).join(', ');
  const others = required.some(({ references: { policy } }) => policy) ? 'NOT_FOUND' : 'ok';
  return `
import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { ${required.length > 0 ? [variable, 'references'].toSorted().join(', ') : variable} } from './${plural}.ts';

const NO = 'UNAUTHENTICATED';
const HIDDEN = [NO, 'NOT_FOUND', 'ok', 'NOT_FOUND'] as const;

export const rows: Record<string, FieldRule> = {
  ${variable}: fieldRule([...HIDDEN], 'query ($id: ID!) { ${variable}(id: $id) { id } }', ${variable}),
  ${pluralVariable}: fieldRule([NO, 'ok', 'ok', 'ok'], '{ ${pluralVariable} { edges { node { id } } } }'),
  create${Singular}: fieldRule(
    [NO, '${others}', 'ok', '${others}'],
    'mutation ${variables && `(${variables}) `}{ create${Singular}(input: { ${input} }) { id } }',
    ${required.length > 0 ? 'references,' : ''}
  ),
  update${Singular}: fieldRule(
    [...HIDDEN],
    'mutation ($id: ID!) { update${Singular}(id: $id, input: { ${changed.name}: ${other} }) { id } }',
    ${variable},
  ),
  delete${Singular}: fieldRule([...HIDDEN], 'mutation ($id: ID!) { delete${Singular}(id: $id) }', ${variable}),
};
`;
}

export function graphqlTestFile(feature: Feature): string {
  const { names, fields } = feature;
  const { Singular, variable, pluralVariable, plural, singular, words, word, aWord } = names;
  const changed = changeOf(feature);
  const properties = ['id', ...fields.map(({ name }) => name), 'createdAt', 'updatedAt'].join(' ');
  return `
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ${factoryNames(feature)} } from '../factories/${singular}.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { graphql } from '../support/graphql.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('the GraphQL field ${pluralVariable}', () => {
  it('returns the ${words} of REST', async () => {
    const owner = await signedIn(app);
    await create${Singular}(owner);

    const { data } = await graphql(owner, '{ ${pluralVariable} { edges { node { ${properties} } } } }');

    const ${variable} = data.${pluralVariable}.edges[0].node;
    expect([${variable}]).toEqual((await owner.get('/v1/${plural}')).body.data);
  });
});

describe('the GraphQL mutations of ${words}', () => {
  it('create ${aWord} as REST does', async () => {
    const owner = await signedIn(app);
    const input = ${newBody(feature)};

    const { data } = await graphql(
      owner,
      'mutation ($input: Create${Singular}Input!) { create${Singular}(input: $input) { id } }',
      { input },
    );

    const { body } = await owner.get(\`/v1/${plural}/\${data.create${Singular}.id}\`);
    expect(body.data).toMatchObject(input);
  });

  it('change only the given fields', async () => {
    const owner = await signedIn(app);
    const { id } = await create${Singular}(owner);
    const before = await owner.get(\`/v1/${plural}/\${id}\`);

    const { data } = await graphql(
      owner,
      'mutation ($id: ID!, $input: Update${Singular}Input!) { update${Singular}(id: $id, input: $input) { ${properties} } }',
      { id, input: { ${changed.name}: ${changed.value} } },
    );

    expect(data.update${Singular}).toEqual({
      ...before.body.data,
      ${changed.name}: ${changed.value},
      updatedAt: expect.any(String),
    });
  });

  it('delete the ${word} of the caller, and no other', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];
    const { id } = await create${Singular}(owner);
    const remove = (who: SignedIn) => graphql(who, 'mutation ($id: ID!) { delete${Singular}(id: $id) }', { id });

    expect((await remove(other)).codes).toEqual(['NOT_FOUND']);
    expect((await remove(owner)).data).toEqual({ delete${Singular}: id });

    expect((await owner.get(\`/v1/${plural}/\${id}\`)).status).toBe(404);
  });
});
`;
}

/** Names of the feature that the GraphQL schema already has. */
export function takenInGraphql({ Singular, variable, pluralVariable }: Names): string[] {
  const type = `^(type|enum|scalar|input) (${Singular}|(Create|Update)${Singular}Input)\\b`;
  const mutations = ['create', 'update', 'delete'].map((verb) => `${verb}${Singular}`);
  const field = `^  (${[variable, pluralVariable, ...mutations].join('|')})[(:]`;
  const schema = readFileSync('schema.graphql', 'utf8');
  return new RegExp(`${type}|${field}`, 'm').test(schema) ? [`${Singular} in schema.graphql`] : [];
}
