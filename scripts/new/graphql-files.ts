/** What a new feature has for GraphQL. */
import { readFileSync } from 'node:fs';
import { enumValues, type Field } from './fields.ts';
import type { Names } from './names.ts';
import type { Provider } from './service-files.ts';
import { type Feature, lines } from './table-files.ts';

export function graphqlFile({ names, fields }: Feature): string {
  const { Singular, singular, words } = names;
  const enums = fields.filter(({ values }) => values);
  const imported = ['Field', 'GraphQLISODateTime', 'ID', 'ObjectType'];
  if (fields.some(({ graphql }) => graphql === 'Int')) imported.push('Int');
  if (enums.length > 0) imported.push('registerEnumType');
  const write = ({ name, graphql, isOptional, typescript }: Field) => `
  @Field(() => ${graphql}${isOptional ? ', { nullable: true }' : ''})
  ${name}!: ${typescript}${isOptional ? ' | null' : ''};
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
`;
}

export function resolverFile({ names }: Feature): string {
  const { Singular, Plural, variable, pluralVariable, plural, words } = names;
  return `
import { Args, ID, Query, Resolver } from '@nestjs/graphql';
import { PageArgs, pageQueryOf, toConnection } from '../platform/graphql/connections.ts';
import { IdPipe } from '../platform/graphql/schema.pipe.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { ${Singular}Connection, ${Singular}Object } from './${plural}.graphql.ts';
import { ${variable}IdSchema, ${pluralVariable}QuerySchema } from './${plural}.schemas.ts';
import { ${Plural}Service } from './${plural}.service.ts';

@Resolver(() => ${Singular}Object)
export class ${Plural}Resolver {
  constructor(private readonly ${pluralVariable}: ${Plural}Service) {}

  @Query(() => ${Singular}Object, { nullable: true, description: 'One of your own ${words}.' })
  ${variable}(
    @Args('id', { type: () => ID }, new IdPipe(${variable}IdSchema)) id: string,
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
}
`;
}

export const graphqlProvider = ({ names: { Plural, plural } }: Feature): Provider => ({
  name: `${Plural}Resolver`,
  path: `./${plural}.resolver.ts`,
});

export const graphqlMatrixFile = ({ names: { variable, pluralVariable, plural } }: Feature): string => `
import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { ${variable} } from './${plural}.ts';

const NO = 'UNAUTHENTICATED';

export const rows: Record<string, FieldRule> = {
  ${variable}: fieldRule([NO, 'NOT_FOUND', 'ok', 'NOT_FOUND'], 'query ($id: ID!) { ${variable}(id: $id) { id } }', ${variable}),
  ${pluralVariable}: fieldRule([NO, 'ok', 'ok', 'ok'], '{ ${pluralVariable} { edges { node { id } } } }'),
};
`;

export function graphqlTestFile({ names, fields }: Feature): string {
  const { Singular, variable, pluralVariable, plural, singular, words } = names;
  const properties = ['id', ...fields.map(({ name }) => name), 'createdAt', 'updatedAt'].join(' ');
  return `
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { create${Singular} } from '../factories/${singular}.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
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
`;
}

/** Names of the schema that are taken. */
export function takenInGraphql({ Singular, variable, pluralVariable }: Names): string[] {
  const type = `^(type|enum|scalar|input) ${Singular}\\b`;
  const field = `^  (${variable}|${pluralVariable})[(:]`;
  const schema = readFileSync('schema.graphql', 'utf8');
  return new RegExp(`${type}|${field}`, 'm').test(schema) ? [`${Singular} in schema.graphql`] : [];
}
