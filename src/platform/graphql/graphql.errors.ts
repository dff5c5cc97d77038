import type { GraphQLError } from 'graphql';
import { problemsIn } from '../errors/app-error.ts';
import { problems as de } from './graphql.de.ts';

const defineProblem = problemsIn({ de });

export class GraphqlTooDeepError extends defineProblem(
  400,
  'GRAPHQL_TOO_DEEP',
  'Operation too deep',
  'The fields of an operation may be nested at most 7 levels. Split it into several operations.',
) {}
export class GraphqlTooCostlyError extends defineProblem(
  400,
  'GRAPHQL_TOO_COSTLY',
  'Operation too costly',
  'The cost of an operation is its number of fields, multiplied by `first` below a list. Request fewer fields or smaller pages: at most 5,000.',
) {}
export class GraphqlTooManyAliasesError extends defineProblem(
  400,
  'GRAPHQL_TOO_MANY_ALIASES',
  'Too many aliases',
  'An operation may have at most 15 aliases, counted in each place where its fragments are used. Split it into several operations.',
) {}
export class GraphqlTooLargeError extends defineProblem(
  400,
  'GRAPHQL_TOO_LARGE',
  'Document too large',
  'A GraphQL document may have at most 1,000 tokens and 32 KiB. Move values to variables, or split it.',
) {}
export class GraphqlBatchError extends defineProblem(
  400,
  'GRAPHQL_BATCH_REFUSED',
  'Batch rejected',
  'The body must be one GraphQL request, not a list. Send each request separately.',
) {}
export class GraphqlUnknownDocumentError extends defineProblem(
  400,
  'GRAPHQL_UNKNOWN_DOCUMENT',
  'Unknown document',
  'This server runs only registered GraphQL documents, and this one is not registered. Register it and deploy the list first.',
) {}

type InvalidPart = Pick<GraphQLError, 'message'> & Partial<Pick<GraphQLError, 'locations'>>;

/** The document or its variables don't match the schema. Each error of graphql-js becomes an error of the response. */
export class GraphqlInvalidError extends defineProblem(
  400,
  'GRAPHQL_INVALID',
  'Invalid GraphQL request',
  'The document or its variables do not match the schema. Correct them and send the request again.',
) {
  graphqlErrors: readonly InvalidPart[] = [];

  static because(errors: readonly InvalidPart[]): GraphqlInvalidError {
    return Object.assign(new GraphqlInvalidError(), { graphqlErrors: errors });
  }
}

/** Every error that POST /graphql adds to those of all routes. */
export const GRAPHQL_ERRORS = [
  GraphqlTooDeepError,
  GraphqlTooCostlyError,
  GraphqlTooManyAliasesError,
  GraphqlTooLargeError,
  GraphqlBatchError,
  GraphqlUnknownDocumentError,
  GraphqlInvalidError,
];
