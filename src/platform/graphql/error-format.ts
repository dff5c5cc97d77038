import { GraphQLError } from 'graphql';
import { AppError } from '../errors/app-error.ts';
import type { Occurrence } from '../errors/problem-body.ts';
import { type ErrorFormat, logError, toAppError } from '../http/problem.filter.ts';
import { GraphqlInvalidError } from './graphql.errors.ts';

/** As in a problem document. */
const DETAILS_MAX = 50;

/** One error as the GraphQL specification shapes it, with the code of REST. */
function shapeOf({ problem, extras }: AppError, correlationId: string) {
  return {
    message: extras.detail ?? problem.detail,
    extensions: {
      code: problem.code,
      correlationId,
      ...(extras.details && { details: extras.details.slice(0, DETAILS_MAX) }),
    },
  };
}

interface RejectionShape {
  message: string;
  extensions: Record<string, unknown>;
}

/** The errors of a request that was rejected before any resolver ran. */
export function rejectionShapes(error: AppError, correlationId: string): RejectionShape[] {
  const shape = shapeOf(error, correlationId);
  if (!(error instanceof GraphqlInvalidError)) return [shape];
  return error.graphqlErrors.map(({ message, locations }) => ({
    ...shape,
    message,
    ...(locations && { locations }),
  }));
}

/** The body of every rejected POST /graphql, also of one that was rejected before the controller. */
export const graphqlErrorFormat: ErrorFormat = {
  mediaType: 'application/json; charset=utf-8',
  body: (error: AppError, { correlationId }: Occurrence) =>
    JSON.stringify({ errors: rejectionShapes(error, correlationId) }),
};

/** Replaces the errors of resolvers: a client never sees the message of a library or a stack. */
export function executionErrors(errors: readonly GraphQLError[], correlationId: string): GraphQLError[] {
  return errors.map(({ originalError, nodes, source, positions, path, ...rest }) => {
    const cause: unknown = originalError ?? new Error('GraphQL execution failed', { cause: rest });
    const error = toAppError(cause);
    logError(error, cause);
    const { message, extensions } = shapeOf(error, correlationId);
    return new GraphQLError(message, { nodes, source, positions, path, extensions });
  });
}
