import { GraphQLScalarType, valueFromASTUntyped } from 'graphql';

/** For values whose properties depend on a type, such as the data of a notification. */
export const JsonScalar = new GraphQLScalarType({
  name: 'JSON',
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: valueFromASTUntyped,
});
