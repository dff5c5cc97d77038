import fc, { type Arbitrary } from 'fast-check';
import {
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { graphqlSchema } from '../support/graphql-contract.ts';
import { oddText, oddValue } from './fuzz-values.ts';

/** The limit is 7. */
const LEVELS = [1, 2, 2, 3, 3, 3, 4, 5, 9];
const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const ODD_LITERALS = [
  'null',
  '-1',
  '0',
  '1e9',
  '99999999999',
  '""',
  '"x"',
  '{}',
  '[]',
  '[1]',
  'true',
  'ODD',
  '$a',
  '"\\u0000"',
  '"""\n"""',
];
/** Documents that are not operations, or are at a limit. */
const ODD_DOCUMENTS = [
  '',
  '{',
  '}',
  '{}',
  'query',
  '{ me',
  '{ unknown }',
  '# only a comment',
  '{ me { id } } { me { id } }',
  'query A { me { id } } query A { me { id } }',
  'fragment F on User { ...F } { me { ...F } }',
  'fragment A on User { ...B } fragment B on User { ...A } { me { ...A } }',
  'subscription { notificationAdded { id } }',
  'query ($a: Unknown) { me { id } }',
  'query ($a: Int!) { jobs(first: $a) { edges { cursor } } }',
  '{ me @unknown { id } }',
  '{ me @skip(if: true) { id } }',
  'type Query { a: Int }',
  '{ __schema { types { name fields { name type { ofType { name } } } } } }',
  '{ __type(name: "User") { name } __typename }',
  `{ ${'me { id } '.repeat(400)} }`,
  `{ ${'a: me { id } '.repeat(20)} }`,
  '{'.repeat(5_000),
  `{ me(${' '.repeat(40_000)}) { id } }`,
  '{ me { id } } \ufeff',
  '{ mé { id } }',
  '{ me { \u0000 } }',
];

type Field = GraphQLField<unknown, unknown>;

/** Literals of an argument: mostly valid ones. */
function literalOf(type: GraphQLInputType): Arbitrary<string> {
  return fc.oneof({ weight: 30, arbitrary: validLiteral(type) }, fc.constantFrom(...ODD_LITERALS));
}

function validLiteral(type: GraphQLInputType): Arbitrary<string> {
  const named = getNamedType(type);
  if (isEnumType(named)) return fc.constantFrom(...named.getValues().map(({ name }) => name));
  if (isInputObjectType(named)) {
    const fields = Object.values(named.getFields()).map((field) =>
      literalOf(field.type).map((literal) => `${field.name}: ${literal}`),
    );
    return fc.tuple(...fields).map((some) => `{ ${some.join(', ')} }`);
  }
  const byName: Record<string, Arbitrary<string>> = {
    Int: fc.integer({ min: 1, max: 100 }).map(String),
    Boolean: fc.boolean().map(String),
    JSON: fc.constantFrom('{}', '{ a: 1 }', '1', 'null'),
    ID: fc.constant(`"${UNKNOWN_ID}"`),
  };
  return (
    byName[named.name] ??
    fc.oneof(oddText, fc.constantFrom('user-export', 'x')).map((text) => JSON.stringify(text))
  );
}

function argumentsOf(args: readonly GraphQLArgument[]): Arbitrary<string> {
  const some = args.map((one) => {
    const text = literalOf(one.type).map((literal) => `${one.name}: ${literal}`);
    return isNonNullType(one.type) ? text : fc.oneof({ weight: 2, arbitrary: fc.constant('') }, text);
  });
  return fc
    .tuple(...some)
    .map((found) => found.filter(Boolean).join(', '))
    .map((text) => (text ? `(${text})` : ''));
}

/** One field with its arguments and selection. */
function fieldOf(field: Field, levels: number): Arbitrary<string> {
  const prefix = fc.oneof({ weight: 30, arbitrary: fc.constant('') }, fc.constantFrom('a: ', 'b: '));
  const directive = fc.oneof(
    { weight: 8, arbitrary: fc.constant('') },
    fc.constantFrom(' @skip(if: true)', ' @include(if: true)', ' @include(if: $c)'),
  );
  return fc
    .tuple(prefix, argumentsOf(field.args), directive, selectionOf(getNamedType(field.type).name, levels))
    .map(([alias, args, condition, selection]) => `${alias}${field.name}${args}${condition}${selection}`);
}

function selectionOf(typeName: string, levels: number): Arbitrary<string> {
  const type = graphqlSchema.getType(typeName);
  if (!isObjectType(type)) return fc.constant('');
  const fields = Object.values(type.getFields());
  const leaves = fields.filter((field) => !isObjectType(getNamedType(field.type)));
  const usable = levels > 0 || leaves.length === 0 ? fields : leaves;
  if (levels < -2) return fc.constant(' { __typename }');
  const one = fc.constantFrom(...usable).chain((field) => fieldOf(field, levels - 1));
  return fc
    .tuple(
      fc.array(one, { minLength: 1, maxLength: 3 }),
      fc.oneof(
        { weight: 30, arbitrary: fc.constant('') },
        { weight: 10, arbitrary: fc.constantFrom('__typename', `... on ${typeName} { __typename }`) },
        fc.constant('unknown'),
      ),
    )
    .map(([some, extra]) => ` { ${some.join(' ')} ${extra} }`);
}

const operation: Arbitrary<string> = fc
  .tuple(fc.constantFrom('Query', 'Query', 'Query', 'Mutation'), fc.constantFrom(...LEVELS))
  .chain(([root, levels]) => selectionOf(root, levels).map((selection) => [root, selection] as const))
  .map(([root, selection]) => `${root.toLowerCase()} Q($c: Boolean = true) ${selection}`);

/** A document with a part removed, doubled or replaced. */
const broken: Arbitrary<string> = fc
  .tuple(operation, fc.nat(), fc.nat({ max: 20 }), fc.oneof(fc.constant(''), oddText))
  .map(([text, at, length, insert]) => {
    const start = at % text.length;
    return text.slice(0, start) + insert + text.slice(start + length);
  });

/** The body of POST /graphql. */
export const graphqlBodies: Arbitrary<unknown> = fc.oneof(
  { weight: 12, arbitrary: operation.map((query) => ({ query })) },
  { weight: 4, arbitrary: broken.map((query) => ({ query })) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_DOCUMENTS).map((query) => ({ query })) },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        query: operation,
        variables: fc.oneof(oddValue, fc.record({ c: oddValue })),
        operationName: fc.oneof(fc.constant('Q'), oddValue),
        extensions: oddValue,
        documentId: oddText,
      },
      { requiredKeys: ['query'] },
    ),
  },
  { weight: 1, arbitrary: oddValue },
  { weight: 1, arbitrary: fc.array(fc.constant({ query: '{ me { id } }' }), { maxLength: 3 }) },
);
